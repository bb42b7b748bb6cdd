// Sealfront is a transparent encrypting reverse proxy for S3.
//
// An application keeps its S3 client and points it at Sealfront; Sealfront gives any S3-compatible store behind it the
// encryption behaviour of Amazon S3 directory buckets with SSE-KMS. The store never sees a plaintext byte or a key.
//
//	S3 client ──TLS, SigV4──▶ sealfront ──sealed objects──▶ any S3 store
//	                              │
//	                              └──GenerateDataKey, Decrypt──▶ KMS
//
// # Commands
//
//	sealfront [serve] [--data DIR] [--region REGION] [--listen ADDR] [--http ADDR] [--admin ADDR]
//
// Serve with a store and a key service of its own, for development and tests. All data is below DIR; a second start
// finds all objects, buckets, keys and credentials of the first. Without a subcommand the program runs serve.
//
//	--data DIR      default ./sealfront-data; made with mode 0700
//	--region REGION default that of the last start from DIR, at first us-west-2; another one is for new buckets and keys
//	--listen ADDR   HTTPS; default 127.0.0.1:8443
//	--http ADDR     plain HTTP; default none. SSE-KMS objects are served over TLS only
//	--admin ADDR    health, metrics, status page, profiles; default 127.0.0.1:9090
//
// Port 0 picks a free one.
//
//	sealfront serve FILE
//
// Serve in production: store, key service, identities and limits are in FILE. The other flags are excluded. Package
// config describes every setting; deploy/ has examples. This and config check take FILE and --config FILE.
//
//	sealfront exports [--for aws|go|node|java|curl|system]
//
// Write what serve exports, for one kind of client: they differ in the variable that names the certificate authority,
// and AWS_CA_BUNDLE makes some programs in Go end at their start. With --data DIR or --config FILE, for the server that
// runs from there or the last one that did.
//
//	sealfront config check FILE
//
// Read FILE, try the store and the key service it names, and whether the service key opens the state key, and report
// everything that is wrong, a line a fault: listen.https: why. Exit status 2 means that the configuration must be
// changed, 1 that all may pass without (TestCheckAndStartSayWhatIsWrongWithTheServices).
//
//	sealfront config schema
//
// Write the JSON schema of FILE to stdout, with descriptions and defaults, for editors: in VS Code's YAML extension,
// "# yaml-language-server: $schema=sealfront.schema.json" as the first line of FILE.
//
//	sealfront audit verify [--collected] [--expect HASH] FILE…
//
// Verify the chain of an audit log (log.audit.file), the oldest file first, and name the first line that was changed,
// removed or moved, or a missing end: FILE:LINE: why, exit status 1. HASH, noted elsewhere earlier, must occur in it.
// With --collected, FILEs are what receivers of stdout, syslog or a socket have, of any number of replicas.
//
//	sealfront health [--ca FILE] [URL]
//
// Ask /readyz at the admin address, by default http://127.0.0.1:9090, at every address that the host name of URL stands
// for. Exit status 1 when one isn't ready (TestHealthAsksWhetherAReplicaIsReady).
//
//	sealfront version
//
// Write which build this is: version, revision and its date, Go, platform, build tags. A version of "development" was
// built from a changed or unknown tree.
//
//	sealfront explain --operation NAME --bucket BUCKET [--key KEY] [--header 'NAME: VALUE']…
//	                  [--session-header 'NAME: VALUE']…
//
// Which rule decides about a request, and why, in JSON; no request is sent.
//
// Tools work on sealed objects. They take --config FILE or --data DIR, call store and key service themselves, and may
// run while servers are running. Flags may come before or after arguments; --help shows a command's page. Those that
// process many objects take --concurrency N, --rate N (objects a second), and --resume FILE, from which they continue.
// Their progress is on stderr: one line that is drawn again on a terminal, otherwise a line of JSON a minute
// (--progress line, log or none), and with --metrics-file FILE in Prometheus' format. --shard I/N makes a tool look at
// one of N shards of the keys, so that N machines share a bucket.
//
//	sealfront inspect s3://BUCKET/KEY
//
// An object's envelope (no secrets; a digest names its bucket key blob), layout, sizes, what opens it and whether it
// verifies, in JSON.
//
//	sealfront verify s3://BUCKET[/PREFIX] [--json]
//
// Read every object and check each stored byte: envelope, length, segments, padding, trailer. It writes a line for each
// object that is incomplete or damaged: URI: reason. Exit status 1 when there is one. Status 0 of this and the
// following commands means that every key, or with --shard every key of the shard, was seen; what no listing shows is
// reported (TestNamesThatTheStoreGarbles, TestAShardFailsByItsOwnKeys).
//
//	sealfront attest s3://BUCKET[/PREFIX] [--sample N | --full] [--out DIR]
//	sealfront attest record STATEMENT
//
// A signed statement over a scan past the proxy, through the store's eyes: that every object, older version and upload
// in progress is sealed, under which KMS keys and bucket keys, what opens with KMS and not without it, and what is not
// proven. DIR gets the statement, a page for people, and a list of all that was seen; findings are a line each on
// stdout, and exit status 1 means that there are some, or that nothing opened. The admin address shows the public key,
// and the audit log notes the statement, by record where no replica ran (TestAttestNamesExactlyWhatIsNotSealed).
// crypto/testdata/check_statement.py checks statements.
//
//	sealfront rewrap s3://BUCKET[/PREFIX] [--kms-key ARN]
//
// Wrap every data key again, under a fresh bucket key of the object's KMS key, or of the one that is named, as SSE-KMS.
// Only ETags and dates change. The report, in JSON, says how many objects depend on which KMS key and bucket
// key, and names what still depends on older ones.
//
//	sealfront migrate s3://STORE-BUCKET[/PREFIX] s3://BUCKET[/PREFIX] [--drop-tags]
//
// Copy the plaintext objects of a bucket of the store that the proxy doesn't serve into a sealed bucket, with metadata,
// content headers, tags, storage class, part sizes and checksums, and then compare all of it byte for byte. The source
// is only read; nothing in the sealed bucket is replaced; an object is copied completely or not at all. The second
// PREFIX replaces the first. The report, in JSON, names the objects that were not copied and why. Exit status 1 when
// there is one (TestMigrateUnderFaults, TestMigrateKilledAndResumed).
//
//	sealfront open --bucket BUCKET --key KEY --envelope VALUE RAWFILE [--arn ARN [--kms-key ARN]]
//
// The plaintext of a stored object's bytes. With --arn the key service alone is needed, and of FILE only kms, region,
// account and data are read.
//
//	sealfront adopt --all | BUCKET… [--sample N]
//
// Make the lost records of buckets again, each once a sample of its objects has opened, by what the objects show. An
// existing record is never replaced. Exit status 1 when a bucket has no record afterwards; the report, in JSON, says
// why (TestAdoptMany).
//
//	sealfront adopt BUCKET --arn ARN --kms-key ARN [--store-bucket NAME] [--sample N]
//
// The same for one bucket whose objects don't show its default KMS key.
//
//	sealfront keys [drop [--kms-key ARN]] [--admin URL]
//
// Bucket keys in the memory of the replica behind the admin address; drop makes every replica forget them.
//
//	sealfront shred --kms-key ARN --receipts FILE --signing-key FILE [--schedule DAYS] [--wait TIME] [--dry-run]
//
// Ends a KMS key: disables it or schedules its deletion, has every replica drop what it holds under it, waits until
// each has said so, tries reads, and appends a signed and chained receipt, which names what could not be shown:
// replicas that are cut off, too (TestShredNamesTheReplicaThatIsCutOff). crypto/testdata/check_receipts.py checks
// receipts.
//
//	sealfront roles [end ROLE]
//
// The roles of the configuration, in JSON; end ends all sessions of one at every replica, within seconds.
//
//	sealfront kms --config FILE
//	sealfront kms config check FILE
//	sealfront kms config schema
//	sealfront kms root FILE
//	sealfront kms verify --config FILE [--backup BACKUP]
//	sealfront kms backup --config FILE BACKUP
//	sealfront kms restore --config FILE [--replace] BACKUP
//	sealfront kms reroot --config FILE
//
// A key service for sites without AWS: it serves KMS's protocol from records in a folder or a bucket, sealed under a
// root. check tries what its configuration names; root makes a root key file; verify opens every record, backup and
// restore copy them as they are, and reroot moves them to another root. OPERATING.md, "The key service".
//
//	sealfront man [COMMAND]
//
// The same as a page for man.
//
//	sealfront completion bash|zsh
//
// A script that completes commands and flags.
//
//	sealfront help [COMMAND]
//
// This manual, or the page of a command: synopsis, options, examples, exit status, files, environment.
//
// # Output
//
// When the program accepts requests it writes lines to stdout that a shell can evaluate, then "# ready". Logs go to
// stderr.
//
//	export AWS_ENDPOINT_URL=https://127.0.0.1:8443
//	export AWS_CA_BUNDLE=…            where the program's own authority issues the certificate
//	export AWS_ACCESS_KEY_ID=…        the program's own, where the configuration has no identities
//	export AWS_SECRET_ACCESS_KEY=…
//	export AWS_REGION=us-west-2
//	export AWS_DEFAULT_REGION=us-west-2
//	export SEALFRONT_BUCKET=demo--local-az1--x-s3    with a store and a key service of the program's own
//	export SEALFRONT_KMS_KEY=arn:aws:kms:…
//	export SEALFRONT_KMS_ENDPOINT=http://127.0.0.1:…    with an embedded key service
//	export SEALFRONT_ADMIN=http://127.0.0.1:9090
//	export SEALFRONT_HTTP_URL=http://127.0.0.1:…    with --http or listen.http
//	export SEALFRONT_PID=…            kill $SEALFRONT_PID ends it; not in the file exports
//
// Exit status: 0 success, 1 failure, 2 usage or configuration.
//
// # Signals
//
// SIGTERM and SIGINT: /readyz answers 503; after limits.drain_delay no new connections, and requests in flight have
// limits.drain_timeout to end; their answers are the last of their connections, and idle connections are closed 0.1 s
// later (TestDrain, TestSIGTERMUnderLoad). SIGHUP: identities, certificates, limits and the log's level are read from
// FILE again, and the audit log is reopened; a file with faults changes nothing, and other changed settings are logged
// and take effect at the next start. The same happens automatically, within reload_every, when FILE or one that it
// names changes (TestReloadUnderLoad).
//
// # Admin address
//
//	GET  /livez              200 while the process runs
//	GET  /readyz             200 while requests are answered; otherwise 503 and why; ?verbose: how everything stands
//	GET  /metrics            Prometheus; names and labels are in package metrics
//	GET  /debug/pprof/       Go profiles
//	GET  /                   a page for people; GET /status is what it shows, as JSON
//	GET  /explain?…          which rule decides about a request, as the command explain
//	GET  /attestation        the public key of signed statements, and where the audit log's chain stands
//	POST /attestation        note a signed statement in the audit log
//	GET  /keys               bucket keys in this replica's memory, never their bytes
//	POST /keys/drop          forget bucket keys, all or those of ?kms-key=ARN, here and, through a record in the
//	                         store, in every replica
//
// With admin.token all but /livez and /readyz need Authorization: Bearer TOKEN, or the token as a browser's password;
// an address that isn't loopback needs it, or client certificates (admin.client_ca), or admin.health_only. Requests
// from foreign web pages are refused (TestNoWebPageReachesTheAdminAddress): POST /keys/drop by Sec-Fetch-Site and
// Origin, and all but /livez, /readyz and /metrics by a Host that is neither an address nor a name of this machine nor
// in admin.hosts.
//
// # Files of the data directory
//
//	lock             held by the program that serves from here, whose process id is in it
//	data.json        credentials and key names, mode 0600
//	exports          what the last start exported, mode 0600, for the command exports
//	tls/             certificate authority and its key; clients trust tls/ca.pem, readable by every user that
//	                 may enter the data directory: chmod 711 lets all users of the machine, and other files stay private
//	store/objects/   the embedded store: a directory a bucket, a file an object, sealed
//	store/meta/      object metadata, where the file system has no extended attributes
//	kms/             the embedded key service; its keys lie under a root key file of mode 0600
//
// # The house
//
// Arrows only go down; .golangci.yml has a list for every room, and TestTheHouse counts files that need each other.
//
//	     go run ./proxy                                                go run ./bench
//	┌───────────▼───────────────────────────────────────────────────────┐    │
//	│ proxy     main: the manual, arguments, streams and signals        │    │
//	│ command   the subcommands ─▶ check, admin, tools, instance        │    │
//	│ instance  a proxy assembled from a configuration: sees every      │    │
//	│           room below; no room sees it                             │    │
//	└──┬─────────┬──────────────────────┬──────────────────┬────────────┘    │
//	   │         │                   gateway ─▶ conn   localstore            │
//	 config   awskms                 │     │     │     memstore ◀─ as the bench's store
//	   │      keyservice            access   │     │     metrics ◀── status    │
//	   │         │               │  │  │   ▼     │                           │
//	   │         │               │  │  └─ objects│ ◀── tools                 │
//	   │         │               │  ▼     │ │ │  ▼                           │
//	   │         │               │ session│ │ │ audit                        │
//	   │      keyring ◀──────────┼────────┘ │ └──▶ state                     │
//	   │         │               ▼          ▼       │                        │
//	   │         │              s3        store     │                        │
//	   ▼         ▼               ▼          ▼       ▼                        ▼
//	policy     crypto     policy, crypto  sigv4   crypto                   sigv4
//
//	 keyserver: keyservice, the roots of keyroot, and admin, audit, config, health, metrics, status, store
//	 instance, check, keyserver: certificates ─▶ health
//	 admin: config, metrics, status; and what it shows, by functions that command gives it
//	 check: instance, to try what a start does
//	 access: roles, sts, webidentity; keyserver: roles, session, sts, webidentity; gateway: sts; config: webidentity
//	 conn, store, localstore: socket
//
// xmldoc, below all of them, reads the XML of clients and stores within bounds; policy, s3, objects, gateway, store,
// memstore and tools do so by it alone.
//
//   - sigv4 verifies and signs requests; policy decides about them; crypto seals and opens objects. They import neither
//     one another, nor HTTP, the SDK or the log.
//   - s3 has S3's wire format: errors, entity tags, ranges, fields, checksums, grammars of documents. It is pure.
//   - conn has the connections of clients. access decides who may do what: a Request becomes a Grant. objects has the
//     sealed objects of a store, and knows no client. gateway has S3's operations, a file each: it reads the request,
//     gets its permission from access, calls objects, and writes the answer.
//   - keyring caches bucket keys; awskms calls KMS for them; keyservice is a KMS, embedded or served by
//     keyserver, and called over the wire; keyroot has what its records are sealed under.
//   - sts has STS's wire format, and is pure; webidentity verifies the tokens with which workloads assume roles; roles
//     has what a role's trust says of them.
//   - session makes session tokens and temporary credentials; state has records, sealed, in the store; store is the
//     client of the store;
//     localstore is an embedded store and memstore one for load tests, both called over the wire.
//   - socket is what conn and store read from and write to, and chooses the embedded store's address.
//   - command has the subcommands, a file each; instance opens as much of a proxy as one needs, and closes it; check
//     tries what a configuration names; admin is the operator's address; supervisor reports to systemd; certificates
//     knows when those of a server end.
//   - proxytest is for tests: it starts the program as a process, or many within the test's own.
//   - tools are the subcommands that work on sealed objects without a client: on objects; migrate alone has a proxy of
//     its own, which instance opens. attestation has the signed statement that tools make of a scan, and is pure.
//   - config has an operator's settings, metrics the metrics, and status the page that shows them.
//   - audit writes the chained log of decisions, which gateway gives it; tracing sends OpenTelemetry traces: it imports
//     gateway, objects, store and keyring, whose calls it times, and none of them imports it.
//
// # A reader's path
//
// PutObject, file by file:
//
//	conn/conn.go, connections.go    the client's connection, its deadlines, and where it waits between requests
//	gateway/gateway.go              begin: an exchange from the pool; enter: admitted, decided; then the operation
//	access/request.go, check.go     the head is read once; bucket and key; the order of refusals
//	sigv4/verify.go                 the signature; authentication.go is what it consists of
//	access/authenticate.go          the caller: identity or session, certificate, share
//	policy/classify.go, check.go    the operation; checks that need no record
//	state/buckets.go                the bucket's record, from the cache or the store
//	policy/decide.go                how the object is sealed, and whether the caller may; access/grant.go holds it
//	gateway/putobject.go, headers.go  putObject: conditions, metadata, the answer
//	gateway/body.go                 the body: framing removed (sigv4/chunk.go), counted, hashed, compared
//	objects/put.go, keys.go         the bucket key (keyring/keyring.go), the envelope, segments sealed in place
//	crypto/segment.go, envelope.go, trailer.go   what is stored
//	store/client.go, request.go     the signed request to the store (sigv4/sign.go), its answer
//	gateway/answer.go               headers, the log's line, the audit record; the exchange goes back
//
// GetObject differs from access/grant.go on:
//
//	gateway/getobject.go            conditions, ranges, one request to the store
//	objects/sealed.go               the answer's envelope and sizes; access/grant.go decides about what it says
//	objects/opened.go, layouts.go   may it be opened? the bucket key; where the plaintext lies
//	objects/reader.go               a segment at a time: read, checked, opened in place, handed on
//	gateway/stream.go               to the client; a failure in mid-body breaks the connection
//
// # Decisions
//
// objects imports store. Interfaces belong to the caller, so objects.Store is objects'; but its methods use
// store.Request and store.Answer, which are the vocabulary of a request to the store, streams included. Types of its
// own would be the same types again, with adapters that copy every header. gateway uses them, too, where a
// configuration that the store holds for a bucket passes by a grammar. State, which needs only small objects by name,
// has its own interface and doesn't import store.
//
// A Grant, not an Object, checks permissions: an object has neither headers nor a sender, so no code can make up a
// request to check another object. A caller that opens an object passes the check of its KMS key (may), and can't leave
// it out.
//
// migrate writes through a proxy of its own, on a loopback port under TLS with a certificate and credentials of that
// run, and not by package objects as the other tools do: how S3 treats an object's headers, and which of them a client
// is shown, is decided in one place, package gateway. The alternative, calling package objects, would have saved a hop
// and duplicated those rules; see package tools.
//
// Stand-ins are called over the wire: the embedded store and key service listen on loopback ports with random
// credentials, so that the quick start runs the code that production runs. The alternative, calling them as libraries,
// would have been faster and would have tested less.
package main
