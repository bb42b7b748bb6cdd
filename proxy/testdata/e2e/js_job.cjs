// The job of matrix_clients_test.go with the AWS SDK for JavaScript. Says "ok" at its end.
const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const s3 = createRequire(path.join(process.env.SEALFRONT_TOOLS, "job.cjs"))("@aws-sdk/client-s3");

const { JOB_BUCKET: Bucket, JOB_TREE: tree, JOB_BIG: big } = process.env;
const from = Number(process.env.JOB_FROM);
const length = Number(process.env.JOB_LENGTH);

const bytes = async (got) => Buffer.from(await got.Body.transformToByteArray());

async function job() {
  const client = new s3.S3Client({});
  const send = (Command, input) => client.send(new Command({ Bucket, ...input }));
  const names = fs
    .readdirSync(tree, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => path.relative(tree, path.join(e.parentPath ?? e.path, e.name)));
  for (const name of names) {
    const Key = "tree/" + name;
    if (name !== big) {
      await send(s3.PutObjectCommand, { Key, Body: fs.readFileSync(path.join(tree, name)) });
      continue;
    }
    const body = fs.readFileSync(path.join(tree, name));
    const { UploadId } = await send(s3.CreateMultipartUploadCommand, { Key });
    const Parts = [];
    for (let n = 1, at = 0; at < body.length; n++, at += 5 << 20) {
      const { ETag, ChecksumCRC32 } = await send(s3.UploadPartCommand, { Key, UploadId, PartNumber: n, Body: body.subarray(at, at + (5 << 20)) });
      Parts.push({ PartNumber: n, ETag, ChecksumCRC32 });
    }
    await send(s3.CompleteMultipartUploadCommand, { Key, UploadId, MultipartUpload: { Parts } });
  }
  const list = await send(s3.ListObjectsV2Command, { Prefix: "tree/" });
  assert.deepEqual(
    new Map(list.Contents.map((o) => [o.Key, o.Size])),
    new Map(list.Contents.map((o) => [o.Key, fs.statSync(path.join(tree, o.Key.slice(5))).size])),
  );
  assert.equal(list.Contents.length, names.length);
  for (const name of names) {
    const got = await bytes(await send(s3.GetObjectCommand, { Key: "tree/" + name }));
    assert.ok(got.equals(fs.readFileSync(path.join(tree, name))), name);
  }
  const head = await send(s3.HeadObjectCommand, { Key: "tree/" + big, PartNumber: 1 });
  assert.ok(head.PartsCount > 1);
  const part = await bytes(await send(s3.GetObjectCommand, { Key: "tree/" + big, Range: process.env.JOB_RANGE }));
  assert.ok(part.equals(fs.readFileSync(path.join(tree, big)).subarray(from, from + length)));
  const gone = await send(s3.DeleteObjectsCommand, { Delete: { Objects: names.map((n) => ({ Key: "tree/" + n })) } });
  assert.equal(gone.Deleted.length, names.length);
  assert.ok(!gone.Errors?.length);
  console.log("ok");
}

job().catch((e) => {
  console.error(e);
  process.exit(1);
});
