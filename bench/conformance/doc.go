// Package conformance is a black-box suite of the rules of directory buckets: names, sessions, encryption headers, KMS
// keys and their states, conditions, appends, renames. Its cases bear the row ids of the behaviour reference (PBE-4,
// CS-9, PUT-2, …), and each says what Amazon S3 documents, or, marked UNVERIFIED, what was chosen where nothing is published.
//
//	go test ./bench/conformance -v ──HTTPS, SigV4──▶ any endpoint with directory buckets
//	                            └──JSON 1.1, SigV4─▶ its key service: keys to be disabled, deleted, of other kinds
//
// It shares no code with the program but package sigv4, and sends what no S3 client would: doubled headers, plain
// HTTP, Signature Version 2, no signature, tokens of other buckets.
//
// # How to run it
//
// Without flags it builds the program, starts it with its embedded store and a key service, and takes a few seconds, as a part
// of `go test ./...` (-short skips it). Other stores and key services behind the program; the programs are taken from
// $SEALFRONT_TOOLS/bin or PATH:
//
//	go test ./bench/conformance -v -store versitygw
//	go test ./bench/conformance -v -store minio -kms moto
//
// A program that runs already (README, "Two minutes"):
//
//	eval "$(cat exports)"
//	go test ./bench/conformance -v -endpoint $AWS_ENDPOINT_URL -ca $AWS_CA_BUNDLE -bucket $SEALFRONT_BUCKET \
//	    -kms-key $SEALFRONT_KMS_KEY -kms-endpoint $SEALFRONT_KMS_ENDPOINT -http-endpoint $SEALFRONT_HTTP_URL
//
// Amazon S3; credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN:
//
//	go test ./bench/conformance -v -timeout 30m -region us-west-2 -addressing virtual \
//	    -endpoint https://s3express-usw2-az1.us-west-2.amazonaws.com \
//	    -control-endpoint https://s3express-control.us-west-2.amazonaws.com \
//	    -kms-endpoint https://kms.us-west-2.amazonaws.com \
//	    -bucket conformance--usw2-az1--x-s3 -kms-key arn:aws:kms:us-west-2:…:key/… -settle 5s -slow
//
// -addressing virtual without -endpoint gives the program that is started a control endpoint beside, too, as Amazon S3 has it.
//
// -bucket names the zone and the beginning of the names of the buckets that the suite makes and removes; it is
// not touched itself and needn't exist. -kms-key is the customer managed key they are bound to; it is not changed. Keys in other states are
// made through -kms-endpoint and scheduled for deletion afterwards, in seven days. What else is wanted is skipped by name when it is
// not given: -kms-key-other, -kms-key-foreign, -kms-key-forbidden (ARNs; by default other keys are made), -admin
// (the program's admin address, which drops cached keys), and credentials of identities with fewer rights in the
// environment: CONFORMANCE_READER_*, which may have ReadOnly sessions only and use the keys, CONFORMANCE_NOKMS_*, which may do
// everything but use keys, and CONFORMANCE_NOBODY_*, which may do nothing; * is ACCESS_KEY_ID and SECRET_ACCESS_KEY.
//
// # What it prints
//
// A subtest a case, its name beginning with the row's id: `-run 'TestConformance/^PUT-'` runs some. A case whose answer nobody has published
// has UNVERIFIED and the register's number in its name, and logs what the endpoint answered. At the end stands how many passed, failed and were
// skipped, each skipped and each failed row by name with the reason, and how many of them are UNVERIFIED. Against Amazon S3 an UNVERIFIED
// row that fails is no fault of anyone's: it is the answer to an open question.
//
// # What is promised
//
//   - Every id of the reference, listed in testdata/rows.txt, has a case or a reason why it has none: TestEveryRowHasACase.
//   - No case passes at an endpoint that accepts everything, nor at one that refuses everything: TestNoRowPassesByItself.
//   - A refused write has stored nothing: every refusal of a write reads what was there before.
//   - Buckets that were made are removed, also after a failure.
package conformance
