# Apache Libcloud takes the ETag of a single upload for the MD5 of its body, unless the response says aws:kms.
# Arguments: access key, secret key, CA file, port, bucket.
import sys

import libcloud.security
from libcloud.storage.providers import get_driver
from libcloud.storage.types import Provider

access_key, secret_key, ca, port, bucket = sys.argv[1:]
libcloud.security.CA_CERTS_PATH = ca
driver = get_driver(Provider.S3)(access_key, secret_key, host="127.0.0.1", port=int(port), secure=True, region="us-west-2")
body = b"a text that libcloud brings and fetches\n" * 1000
with open("up.txt", "wb") as f:
    f.write(body)
uploaded = driver.upload_object("up.txt", driver.get_container(bucket), "libcloud/up.txt")
driver.download_object(driver.get_object(bucket, "libcloud/up.txt"), "down.txt", overwrite_existing=True)
with open("down.txt", "rb") as f:
    assert f.read() == body
assert [o.name for o in driver.list_container_objects(driver.get_container(bucket), prefix="libcloud/")] == ["libcloud/up.txt"]
driver.delete_object(uploaded)
print("done")
