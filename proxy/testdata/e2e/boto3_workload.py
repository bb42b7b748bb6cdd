"""Puts and gets with a token file only until WORKLOAD_SECONDS have passed. Says how many rounds it made."""
import os
import threading
import time

import boto3

general, directory = os.environ["WORKLOAD_GENERAL"], os.environ["WORKLOAD_DIRECTORY"]
end, rounds = time.monotonic() + float(os.environ["WORKLOAD_SECONDS"]), []
s3 = boto3.client("s3", config=boto3.session.Config(retries={"total_max_attempts": 1}))


def work(n):
    done = 0
    while time.monotonic() < end or done == 0:
        for bucket in general, directory:
            body = os.urandom(1000)
            s3.put_object(Bucket=bucket, Key=f"boto3/{n}", Body=body)
            assert s3.get_object(Bucket=bucket, Key=f"boto3/{n}")["Body"].read() == body
        done += 1
    rounds.append(done)


threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert len(rounds) == len(threads), "a thread has failed"
print("ok", sum(rounds))
