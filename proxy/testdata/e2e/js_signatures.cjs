// The kinds of body of the AWS SDK for JavaScript, for sigv4_clients_test.go: a line an operation, with its result.
const fs = require("node:fs");
const path = require("node:path");
const { Readable } = require("node:stream");
const { createRequire } = require("node:module");
const s3 = createRequire(path.join(process.env.SEALFRONT_TOOLS, "signatures.cjs"))("@aws-sdk/client-s3");

const body = Buffer.alloc(700_000, "0123456789abcdef-");
const file = path.join(process.env.SIGNATURES_DIR, "js-body");
fs.writeFileSync(file, body);
const bodies = {
  string: () => body.toString(),
  buffer: () => body,
  "file stream": () => fs.createReadStream(file),
  "stream of tiny pieces": () => Readable.from(function* () { for (let i = 0; i < body.length; i += 1000) yield body.subarray(i, i + 1000); }()),
};

async function main() {
  for (const [endpoint, Bucket] of [[process.env.AWS_ENDPOINT_URL, process.env.SEALFRONT_BUCKET], [process.env.AWS_ENDPOINT_URL, process.env.SIGNATURES_GENERAL], [process.env.SEALFRONT_HTTP_URL, process.env.SIGNATURES_GENERAL]]) {
    const client = new s3.S3Client({ endpoint, forcePathStyle: true });
    const kind = `${endpoint.startsWith("https") ? "https" : "http"}, ${Bucket.endsWith("--x-s3") ? "directory" : "general purpose"} bucket`;
    for (const [name, make] of Object.entries(bodies)) {
      let result = "ok";
      try {
        const Key = `dir/js ${name}`;
        await client.send(new s3.PutObjectCommand({ Bucket, Key, Body: make(), ContentLength: body.length }));
        const got = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
        if (!body.equals(Buffer.from(await got.Body.transformToByteArray()))) result = "other bytes";
        if (got.ContentEncoding) result = `Content-Encoding ${got.ContentEncoding}`;
        await client.send(new s3.DeleteObjectCommand({ Bucket, Key }));
      } catch (e) {
        result = `${e.name}: ${e.message}`.replace(/\s+/g, " ");
      }
      console.log(`PUT of a ${name}, ${kind}\t${result}`);
    }
  }
}

main();
