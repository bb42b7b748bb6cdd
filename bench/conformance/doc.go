// Package conformance is a black-box suite of the rules of S3's buckets: of directory buckets sessions, encryption
// headers, KMS keys and their states, reads, conditions, appends, renames; of general purpose buckets what every client
// relies on. Its rows bear the ids of the behaviour reference (PBE-4, CS-9, PUT-2, …; sections' numbers where rows have
// none; GP-… and N-… of general purpose buckets). Each says what Amazon S3 documents or what others have measured or,
// marked UNVERIFIED, what was chosen where nothing is published.
//
//	go run ./bench conformance ──HTTPS, SigV4──▶ any endpoint
//	                           └──JSON 1.1, SigV4─▶ its key service: keys to be disabled, deleted, of other kinds
//
// It shares no code with the program but package sigv4, and sends what no S3 client would: doubled headers, plain
// HTTP, Signature Version 2, no signature, tokens of other buckets.
//
// # Rows
//
// Most rows are data, below rows/: tables (put.txt: a line a request, a column a session and default, a cell what is
// answered) and exchanges as they go over the wire (general.http; see exchange.go). Rows that take several requests in
// a loop, or other people's keys, are code. rows/ids.txt says where the answers of an id are published and when that
// was read.
//
// Who has an account at Amazon can settle what is UNVERIFIED: -record writes what the endpoint answered, in the form in
// which rows take it. Such an answer goes as it is into rows/answers.txt (rows of tables and in code), or in the place
// of what stands in a *.http file. From then on the row wants that answer, is measured, and isn't UNVERIFIED.
//
// # How to run it
//
// A program that runs already:
//
//	go run ./proxy --http 127.0.0.1:0 > exports &
//	until grep -q '# ready' exports; do sleep 1; done; eval "$(cat exports)"
//	go run ./bench conformance -endpoint $AWS_ENDPOINT_URL -ca $AWS_CA_BUNDLE -bucket $SEALFRONT_BUCKET \
//	    -kms-key $SEALFRONT_KMS_KEY -kms-endpoint $SEALFRONT_KMS_ENDPOINT -http-endpoint $SEALFRONT_HTTP_URL \
//	    -admin $SEALFRONT_ADMIN -lacks versioning
//
// Amazon S3; credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN:
//
//	go run ./bench conformance -region us-west-2 -addressing virtual \
//	    -endpoint https://s3express-usw2-az1.us-west-2.amazonaws.com \
//	    -control-endpoint https://s3express-control.us-west-2.amazonaws.com \
//	    -kms-endpoint https://kms.us-west-2.amazonaws.com \
//	    -bucket conformance--usw2-az1--x-s3 -kms-key arn:aws:kms:us-west-2:…:key/… -settle 5s -slow -record answers
//
// General purpose buckets have endpoints of their own there: the same with -endpoint
// https://s3.us-west-2.amazonaws.com, without -control-endpoint, and -only '^GP-|^N-|general purpose'.
//
// -bucket gives the zone, and the beginning of the names of the buckets that the suite makes and removes, some seventy
// at once. That bucket itself isn't touched and needn't exist. -kms-key is the customer managed key that they are bound
// to; it isn't changed. Some twenty keys of other kinds and states are made through -kms-endpoint and scheduled for
// deletion in seven days. A row that needs more is skipped without it, by name:
//
//	-kms-key-foreign, -kms-key-forbidden  ARNs of another account's keys, that may and may not be used
//	-http-endpoint                        the endpoint without TLS
//	-admin                                the program's admin address, to drop cached keys; or -slow, to outwait them
//	-slow                                 wait until a session has expired
//	-lacks                                what the endpoint hasn't, since its store hasn't
//	CONFORMANCE_READER_ACCESS_KEY_ID …    in the environment, with _SECRET_ACCESS_KEY and _SESSION_TOKEN: an
//	                                      identity that may have ReadOnly sessions only, and use keys
//	CONFORMANCE_NOKMS_ACCESS_KEY_ID …     one that may do everything but use keys
//	CONFORMANCE_NOBODY_ACCESS_KEY_ID …    one that may do nothing
//
// `go run ./bench conformance -servers all` starts this program, in its default and its strict settings, and those of
// moto, versitygw, MinIO and rclone that are installed, and writes RESULTS.md.
//
// `go test ./bench/conformance` builds the program, starts it with its embedded store and a key service, and takes some
// seconds (-short skips it). -v shows a subtest a row: `-run 'TestConformance/^PUT-'` runs some. It takes the flags
// above, and three of its own: other stores and key services behind the program, from $SEALFRONT_TOOLS/bin or PATH, and
// virtual hosts with a control endpoint, as at Amazon:
//
//	go test ./bench/conformance -store versitygw -kms moto
//	go test ./bench/conformance -store minio -kms sealfront
//	go test ./bench/conformance -addressing virtual
//
// # What it prints
//
// The rows that failed, with what was wrong, and those that were skipped, with the reason; the ids that nobody can try
// from outside; and the numbers, of cases and of rows. A case is a row here, a row an id of the reference. Where the
// answer is published by nobody, the name ends with UNVERIFIED and the register's number. At Amazon S3 an UNVERIFIED
// row that fails is no fault of anyone's: it is the answer to an open question.
//
// # What is promised
//
//   - Every id of the reference, listed in rows/ids.txt, has a row and a source, or a reason why it has none:
//     TestEveryRowHasACase.
//   - No row passes at an endpoint that accepts everything, nor at one that refuses everything:
//     TestNoRowPassesByItself.
//   - A pasted answer changes what its row wants, and only that: TestAnAnswerFlipsARow.
//   - A refused write has stored nothing: the object is read afterwards, and is the earlier one.
//   - Buckets that were made are removed, also after a failure.
package conformance
