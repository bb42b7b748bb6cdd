// Package conformance is a black-box suite of the rules of directory buckets: sessions, encryption headers, KMS keys
// and their states, reads, conditions, appends, renames. Its cases bear the row ids of the behaviour reference (PBE-4,
// CS-9, PUT-2, …; sections' numbers where rows have none). Each says what Amazon S3 documents or what others have
// measured or, marked UNVERIFIED, what was chosen where nothing is published.
//
//	go test ./bench/conformance -v ──HTTPS, SigV4──▶ any endpoint with directory buckets
//	                            └──JSON 1.1, SigV4─▶ its key service: keys to be disabled, deleted, of other kinds
//
// It shares no code with the program but package sigv4, and sends what no S3 client would: doubled headers, plain
// HTTP, Signature Version 2, no signature, tokens of other buckets.
//
// # How to run it
//
// Without flags it builds the program, starts it with its embedded store and a key service, and takes some seconds, as
// a part of `go test ./...` (-short skips it). With flags it starts other stores and key services behind the program,
// taken from $SEALFRONT_TOOLS/bin or PATH; -addressing virtual goes through virtual hosts and a control endpoint, as at
// Amazon:
//
//	go test ./bench/conformance -v -store versitygw -kms moto
//	go test ./bench/conformance -v -store minio -kms sealfront
//	go test ./bench/conformance -v -addressing virtual
//
// A program that runs already:
//
//	go run ./proxy --http 127.0.0.1:0 > exports &
//	until grep -q '# ready' exports; do sleep 1; done; eval "$(cat exports)"
//	go test ./bench/conformance -v -endpoint $AWS_ENDPOINT_URL -ca $AWS_CA_BUNDLE -bucket $SEALFRONT_BUCKET \
//	    -kms-key $SEALFRONT_KMS_KEY -kms-endpoint $SEALFRONT_KMS_ENDPOINT -http-endpoint $SEALFRONT_HTTP_URL \
//	    -admin $SEALFRONT_ADMIN
//
// Amazon S3; credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN:
//
//	go test ./bench/conformance -v -timeout 60m -region us-west-2 -addressing virtual \
//	    -endpoint https://s3express-usw2-az1.us-west-2.amazonaws.com \
//	    -control-endpoint https://s3express-control.us-west-2.amazonaws.com \
//	    -kms-endpoint https://kms.us-west-2.amazonaws.com \
//	    -bucket conformance--usw2-az1--x-s3 -kms-key arn:aws:kms:us-west-2:…:key/… -settle 5s -slow
//
// -bucket gives the zone, and the beginning of the names of the buckets that the suite makes and removes, some thirty
// at once. That bucket itself isn't touched and needn't exist. -kms-key is the customer managed key that they are bound
// to; it isn't changed. Some twenty keys of other kinds and states are made through -kms-endpoint and scheduled for
// deletion in seven days. A case that needs more is skipped without it, by name:
//
//	-kms-key-foreign, -kms-key-forbidden  ARNs of another account's keys, that may and may not be used
//	-http-endpoint                        the endpoint without TLS
//	-admin                                the program's admin address, to drop cached keys; or -slow, to outwait them
//	-slow                                 wait until a session has expired
//	CONFORMANCE_READER_ACCESS_KEY_ID …    in the environment, with _SECRET_ACCESS_KEY and _SESSION_TOKEN: an
//	                                      identity that may have ReadOnly sessions only, and use keys
//	CONFORMANCE_NOKMS_ACCESS_KEY_ID …     one that may do everything but use keys
//	CONFORMANCE_NOBODY_ACCESS_KEY_ID …    one that may do nothing
//
// # What it prints
//
// A subtest a case, its name beginning with the row's id: `-run 'TestConformance/^PUT-'` runs some. Where the answer is
// published by nobody, the name ends with UNVERIFIED and the register's number, and a refusal is logged as it was. At
// the end stand the cases that failed and those that were skipped, with the reason; the rows that nobody can try from
// outside; and the numbers, of cases and of rows. At Amazon S3 an UNVERIFIED case that fails is no fault of anyone's:
// it is the answer to an open question.
//
// # What is promised
//
//   - Every id of the reference, listed in testdata/rows.txt, has a case or a reason why it has none:
//     TestEveryRowHasACase.
//   - No case passes at an endpoint that accepts everything, nor at one that refuses everything:
//     TestNoRowPassesByItself.
//   - A refused write has stored nothing: the object is read afterwards, and is the earlier one.
//   - Buckets that were made are removed, also after a failure.
package conformance
