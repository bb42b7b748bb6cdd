// Puts and gets with a token file only until WORKLOAD_SECONDS have passed. Says how many rounds it made.
const assert = require("node:assert/strict");
const path = require("node:path");
const { randomBytes } = require("node:crypto");
const { createRequire } = require("node:module");
const s3 = createRequire(path.join(process.env.SEALFRONT_TOOLS, "workload.cjs"))("@aws-sdk/client-s3");

const { WORKLOAD_GENERAL, WORKLOAD_DIRECTORY, WORKLOAD_SECONDS } = process.env;
const end = Date.now() + 1000 * Number(WORKLOAD_SECONDS);
const client = new s3.S3Client({ maxAttempts: 1 });

async function work(n) {
  let done = 0;
  while (Date.now() < end || done === 0) {
    for (const Bucket of [WORKLOAD_GENERAL, WORKLOAD_DIRECTORY]) {
      const Body = randomBytes(1000), Key = `js/${n}`;
      await client.send(new s3.PutObjectCommand({ Bucket, Key, Body }));
      const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
      assert.ok(Body.equals(Buffer.from(await got.Body.transformToByteArray())), "other bytes");
    }
    done++;
  }
  return done;
}

Promise.all([0, 1, 2].map(work)).then((all) => console.log("ok", all.reduce((a, b) => a + b)));
