// Each checksum algorithm by each way, with the AWS SDK for JavaScript. A line a pair: ALGORITHM WAY ok | lacks | failed: WHY.
const {
  S3Client, PutObjectCommand, GetObjectCommand, HeadObjectCommand, CopyObjectCommand, CreateMultipartUploadCommand, UploadPartCommand,
  CompleteMultipartUploadCommand,
} = require(process.env.SEALFRONT_TOOLS + '/node_modules/@aws-sdk/client-s3');
const { Readable } = require('stream');

const bucket = process.env.SUMS_BUCKET, directory = process.env.SEALFRONT_BUCKET;
const s3 = new S3Client({ maxAttempts: 1, forcePathStyle: true });

class Wrong extends Error {}
const must = (ok, why) => { if (!ok) throw new Wrong(why); };
const read = async (Bucket, Key, body, name) => {
  const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }));
  must(await got.Body.transformToString() === body, 'another body');
  must(got['Checksum' + name], 'no checksum is shown');
};
const ways = {
  header: async (name) => {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: 'hello', ChecksumAlgorithm: name }));
    await read(bucket, name, 'hello', name);
  },
  trailer: async (name) => {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: Readable.from(['hello']), ContentLength: 5, ChecksumAlgorithm: name }));
    await read(bucket, name, 'hello', name);
  },
  composite: (name) => parts(name, 'COMPOSITE'),
  full: (name) => parts(name, 'FULL_OBJECT'),
  copy: async (name) => {
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'seed', Body: 'hello' }));
    await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: 'copy' + name, CopySource: bucket + '/seed', ChecksumAlgorithm: name }));
    must((await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: 'copy' + name, ChecksumMode: 'ENABLED' })))['Checksum' + name], 'no checksum is shown');
  },
  append: async (name) => {
    await s3.send(new PutObjectCommand({ Bucket: directory, Key: 'js' + name, Body: 'hello', ChecksumAlgorithm: name }));
    await s3.send(new PutObjectCommand({ Bucket: directory, Key: 'js' + name, Body: ' more', ChecksumAlgorithm: name, WriteOffsetBytes: 5 }));
    must(await (await s3.send(new GetObjectCommand({ Bucket: directory, Key: 'js' + name }))).Body.transformToString() === 'hello more', 'another body');
  },
};
const parts = async (name, ChecksumType) => {
  const Key = name + ChecksumType, field = 'Checksum' + name;
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key, ChecksumAlgorithm: name, ChecksumType }));
  const Parts = [];
  const bodies = ['1'.repeat(5 << 20), '2'];
  for (let i = 0; i < 2; i++) {
    const part = await s3.send(new UploadPartCommand({ Bucket: bucket, Key, UploadId, PartNumber: i + 1, Body: bodies[i], ChecksumAlgorithm: name }));
    Parts.push({ PartNumber: i + 1, ETag: part.ETag, [field]: part[field] });
  }
  await s3.send(new CompleteMultipartUploadCommand({ Bucket: bucket, Key, UploadId, MultipartUpload: { Parts } }));
  await read(bucket, Key, bodies.join(''), name);
};

(async () => {
  for (const name of process.env.SUMS_ALGORITHMS.split(' ')) {
    for (const way of Object.keys(ways)) {
      try {
        await ways[way](name);
        console.log(name, way, 'ok');
      } catch (e) {
        const status = e.$metadata && e.$metadata.httpStatusCode;
        // This SDK still means Content-MD5 by MD5: it announces the algorithm and sends no checksum of it.
        const announced = name === 'MD5' && (e.name === 'InvalidRequest' || e.name === 'NotImplemented') && way !== 'full';
        const known = !announced && (e instanceof Wrong || status >= 400);
        console.log(name, way, known ? (e.name === 'InvalidRequest' ? 'refused: ' : 'failed: ') + e.name + ' ' + e.message : 'lacks');
      }
    }
  }
})();
