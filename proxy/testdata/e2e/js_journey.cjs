// The journey of e2e_clients_test.go with one client of the AWS SDK for JavaScript. Says "ok" at its end.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const s3 = createRequire(path.join(process.env.SEALFRONT_TOOLS, "journey.cjs"))("@aws-sdk/client-s3");

const { JOURNEY_BUCKET: Bucket, JOURNEY_DIR: directory, SEALFRONT_KMS_KEY: kmsKey } = process.env;
const sizes = process.env.JOURNEY_SIZES.split(",").map(Number);
const key = (n) => `dir/object-${n}`;
const sealed = (answer) => {
  assert.equal(answer.ServerSideEncryption, "aws:kms");
  assert.equal(answer.SSEKMSKeyId, kmsKey);
};

async function journey() {
  const client = new s3.S3Client({});
  const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
  await send(s3.CreateBucketCommand, {
    CreateBucketConfiguration: {
      Location: { Name: "usw2-az1", Type: "AvailabilityZone" },
      Bucket: { DataRedundancy: "SingleAvailabilityZone", Type: "Directory" },
    },
  });
  await send(s3.PutBucketEncryptionCommand, {
    ServerSideEncryptionConfiguration: {
      Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: kmsKey } }],
    },
  });
  for (const n of sizes) {
    const body = fs.readFileSync(path.join(directory, String(n)));
    sealed(await send(s3.PutObjectCommand, { Key: key(n), Body: body }));
    const head = await send(s3.HeadObjectCommand, { Key: key(n) });
    sealed(head);
    assert.equal(head.ContentLength, n);
    const got = await send(s3.GetObjectCommand, { Key: key(n) });
    sealed(got);
    assert.ok(body.equals(Buffer.from(await got.Body.transformToByteArray())), `GET of ${n} bytes: other bytes`);
  }
  const list = await send(s3.ListObjectsV2Command, {});
  assert.deepEqual(
    new Map(list.Contents.map((o) => [o.Key, o.Size])),
    new Map(sizes.map((n) => [key(n), n])),
  );
  for (const n of sizes) await send(s3.DeleteObjectCommand, { Key: key(n) });
  const stranger = new s3.S3Client({
    credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" },
  });
  await assert.rejects(stranger.send(new s3.ListObjectsV2Command({ Bucket })), (e) => {
    assert.equal(e.name, "SignatureDoesNotMatch");
    assert.equal(e.$metadata.httpStatusCode, 403);
    return true;
  });
  await send(s3.DeleteBucketCommand, {});
  console.log("ok");
}

journey().catch((e) => {
  console.error(e);
  process.exit(1);
});
