package main

// What pages share.
const (
	toolConnects = "It talks to store and key service itself, with the credentials of the configuration, and may run beside running replicas."
	toolWhere    = "--config FILE | --data DIR"
)

var (
	configFile   = entry{"FILE", "the configuration: YAML, described by 'sealfront config schema'. Paths in it are relative to it, and secrets may be in files and in the environment: secret_key_file, secret_key_env"}
	embeddedData = entry{"./sealfront-data", "what embedded parts keep: data.json with the credentials, tls/ca.pem for clients to trust, the store and the key service"}
	resumeFile   = entry{"--resume FILE", "which command with which argument it belongs to, and the last key before which all is done; written every few seconds and at the end"}

	awsChain     = entry{"AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ROLE_ARN, …", "the AWS SDK's default credential chain, for a store or a KMS without an access_key in the configuration"}
	godebugFIPS  = entry{"GODEBUG=fips140=on", "the FIPS 140-3 mode of Go's cryptography; 'only' isn't supported"}
	collection   = entry{"GOGC", "by how many percent the heap may grow before it is collected; by default 100, and more where it is below 32 MiB"}
	memoryLimits = entry{"GOMEMLIMIT", "the memory that the process may use, where limits.memory isn't set; requests beyond it get SlowDown"}
)

// commands are all of them. Help, the manual's overview and the tests of both come from here.
func commands() []command {
	return []command{
		{
			name: "serve", summary: "serve S3 and seal what passes",
			synopsis: []string{"sealfront [serve] --config FILE", "sealfront [serve] [--data DIR] [--region REGION] [--listen ADDRESS] [--http ADDRESS] [--admin ADDRESS]"},
			description: []string{
				"With --config: in production. Store, key service, identities and limits are those of FILE.",
				"Without: for development and tests, with a store and a key service of its own below DIR, credentials, a certificate authority, and the directory bucket demo--local-az1--x-s3. A second start finds all of them again.",
				"When requests are accepted it writes lines to stdout that a shell can evaluate, then '# ready'; logs go to stderr. SIGHUP, and a change of FILE or of the files it names, reload identities, certificates, limits and the log's level; what has changed beside them is named in the log and waits for the next start. SIGTERM drains: /readyz answers 503, after limits.drain_delay no connection is accepted, and requests under way have limits.drain_timeout to end.",
			},
			examples: []example{
				{"With a store and a key service of its own, on free ports", "sealfront serve --data ./sealfront-data --listen 127.0.0.1:0 --admin 127.0.0.1:0"},
				{"In production", "sealfront serve --config /etc/sealfront/sealfront.yaml"},
			},
			failure:     "store or key service can't be reached or used, or an address can't be listened on: may be tried again",
			files:       []entry{configFile, embeddedData},
			environment: []entry{awsChain, memoryLimits, collection, godebugFIPS},
			seals:       true, prepare: prepareServe,
		},
		{
			name: "exports", summary: "write the environment of a client, for a shell to evaluate",
			synopsis: []string{"sealfront exports [--for KIND] [" + toolWhere + "]"},
			description: []string{
				"Writes endpoint, Region and, with an installation of its own store and key service, credentials and names to stdout, as 'serve' does when it is ready: those of the server that runs from the data directory, or ran from it last. With a configuration that embeds nothing, what the configuration says.",
				"KIND says how the client comes to trust the program's own certificate authority. aws (default): AWS_CA_BUNDLE, for the AWS CLI and SDKs as they come. go: SSL_CERT_FILE, since programs in Go that bring an HTTP client of their own end at the start where AWS_CA_BUNDLE is set. node: NODE_EXTRA_CA_CERTS. curl: CURL_CA_BUNDLE. java and system: the commands to run once, as comments.",
			},
			examples: []example{
				{"For the AWS CLI, beside a server that runs; to be evaluated: eval \"$(…)\"", "sealfront exports --data ./sealfront-data"},
				{"For rclone, litestream, docker-registry and others in Go", "sealfront exports --for go --data ./sealfront-data"},
			},
			files:   []entry{configFile, embeddedData, {"DIR/exports", "what the last start exported; readable by the owner only"}},
			prepare: prepareExports,
		},
		{
			name: "config check", summary: "say all that is wrong with a configuration",
			synopsis: []string{"sealfront config check FILE"},
			description: []string{
				"Reads FILE and tries what it names: certificates and keys, the data directory, the audit log's file, the store with the probe of a start, and the key service with its service key. It changes nothing but objects below probe- in the state bucket, which is made when it is missing.",
				"Every fault is a line on stderr: the setting's path, a colon, what was tried and why it won't do. What deserves a look but doesn't keep the program from starting is a line that begins with 'warning:'.",
			},
			operands:    [2]int{1, 1},
			examples:    []example{{"Before an upgrade, by the new program", "sealfront config check /etc/sealfront/sealfront.yaml"}},
			failure:     "the check itself failed",
			files:       []entry{configFile},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareConfigCheck,
		},
		{
			name: "config schema", summary: "write the JSON schema of a configuration, for editors",
			synopsis:    []string{"sealfront config schema"},
			description: []string{"Writes a JSON schema with the description and the default of every setting to stdout. In VS Code's YAML extension, '# yaml-language-server: $schema=sealfront.schema.json' as the first line of a configuration refers to it."},
			examples:    []example{{"For an editor", "sealfront config schema > sealfront.schema.json"}},
			prepare:     prepareConfigSchema,
		},
		{
			name: "audit verify", summary: "tell whether an audit log is whole",
			synopsis: []string{"sealfront audit verify [--expect HASH] FILE…"},
			description: []string{
				"Verifies the chain of an audit log (log.audit.file), the oldest file first, and names the first line that was changed, removed or moved, or a missing end: FILE:LINE: why.",
				"Who may write all of the files can make another chain: note the hash that the program logs every hour elsewhere, and ask for it by --expect.",
			},
			operands: [2]int{1, -1},
			examples: []example{
				{"A log that was rotated twice", "sealfront audit verify audit.log.2 audit.log.1 audit.log"},
				{"With a hash that was noted elsewhere", "sealfront audit verify --expect 6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b audit.log"},
			},
			failure: "the log isn't whole, or can't be read",
			files:   []entry{{"FILE.head", "beside the last file: how far the log had come when it was last written"}},
			prepare: prepareAuditVerify,
		},
		{
			name: "explain", summary: "tell which rule decides about a request, and why",
			synopsis: []string{"sealfront explain --operation NAME --bucket BUCKET [--key KEY] [--header 'NAME: VALUE']… [--session-header 'NAME: VALUE']… [" + toolWhere + "]"},
			description: []string{
				"Decides about a request as a replica would, without sending it, and writes row, decision and reason in JSON to stdout. The bucket's record is read from the store.",
			},
			examples: []example{
				{"Which encryption would an upload get?", "sealfront explain --operation PutObject --bucket demo--local-az1--x-s3 --key a.txt --header 'x-amz-server-side-encryption: aws:kms' --config sealfront.yaml"},
				{"May this identity delete?", "sealfront explain --operation DeleteObject --bucket reports --key a.txt --principal app --long-term --config sealfront.yaml"},
			},
			files:       []entry{configFile, embeddedData},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareExplain,
		},
		{
			name: "inspect", summary: "show an object's envelope and layout, and whether it verifies",
			synopsis:    []string{"sealfront inspect s3://BUCKET/KEY [" + toolWhere + "]"},
			description: []string{"Writes an object's envelope (no secrets), layout, sizes, what opens it and whether it verifies to stdout, in JSON. " + toolConnects},
			operands:    [2]int{1, 1},
			examples:    []example{{"One object", "sealfront inspect s3://reports/2026/q3.csv --config sealfront.yaml"}},
			failure:     "the object doesn't verify, or can't be read",
			files:       []entry{configFile, embeddedData},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareInspect,
		},
		{
			name: "verify", summary: "read every object and check each stored byte",
			synopsis: []string{"sealfront verify s3://BUCKET[/PREFIX] [--concurrency N] [--rate N] [--resume FILE] [--json] [" + toolWhere + "]"},
			description: []string{
				"Checks envelope, length, segments, padding and trailer of every object, and writes a line an object that isn't whole to stdout: URI: reason. How many were checked is on stderr.",
				toolConnects,
			},
			operands: [2]int{1, 1},
			examples: []example{
				{"A whole bucket", "sealfront verify s3://reports --config sealfront.yaml"},
				{"Out of the clients' way, and where it stopped at a second run", "sealfront verify s3://reports/2026/ --rate 50 --concurrency 2 --resume verify.state --config sealfront.yaml"},
			},
			failure:     "an object isn't whole or could not be checked",
			files:       []entry{configFile, embeddedData, resumeFile},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareVerify,
		},
		{
			name: "rewrap", summary: "wrap every data key anew, after a rotation",
			synopsis: []string{"sealfront rewrap s3://BUCKET[/PREFIX] [--kms-key ARN] [--concurrency N] [--rate N] [--resume FILE] [" + toolWhere + "]"},
			description: []string{
				"Wraps the data key of every object under a fresh bucket key of the object's KMS key, or with --kms-key of that one, as SSE-KMS. Data, metadata, tags and Object Lock stay; ETags and dates change. It revokes nothing: an old envelope opens as long as KMS lets it.",
				"The report, in JSON on stdout, says how many objects depend on which KMS key, and on which bucket key by the digest that inspect shows, and names what still depends on older bucket keys. A key may be disabled when no report of any prefix names it any more.",
				toolConnects,
			},
			operands: [2]int{1, 1},
			examples: []example{
				{"A bucket, to be gone on with if it is interrupted", "sealfront rewrap s3://reports --resume rewrap.state --config sealfront.yaml"},
				{"A prefix, under another KMS key", "sealfront rewrap s3://reports/2026/ --kms-key arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml"},
			},
			failure:     "something still depends on older bucket keys, or the command failed",
			files:       []entry{configFile, embeddedData, resumeFile},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareRewrap,
		},
		{
			name: "migrate", summary: "seal what lies in the clear in a bucket of the store",
			synopsis: []string{"sealfront migrate s3://STORE-BUCKET[/PREFIX] s3://BUCKET[/PREFIX] [--drop-tags] [--concurrency N] [--rate N] [--resume FILE] [" + toolWhere + "]"},
			description: []string{
				"Copies what lies in the clear in a bucket of the store that the proxy doesn't serve into a sealed bucket, with metadata, content headers, tags, storage class, part sizes and checksums, and then compares all of it, byte for byte. The source is only read, and nothing in the sealed bucket is replaced: a run that was broken off can be begun again. The second PREFIX takes the place of the first.",
				"The report, in JSON on stdout, names what was done and which objects are left, and why. " + toolConnects,
			},
			operands: [2]int{2, 2},
			examples: []example{
				{"A bucket, to be gone on with if it is interrupted", "sealfront migrate s3://old-reports s3://reports --resume migrate.state --config sealfront.yaml"},
				{"A prefix, under another name", "sealfront migrate s3://old-reports/2026/ s3://reports/archive/2026/ --rate 50 --config sealfront.yaml"},
			},
			failure:     "objects are left, or the command failed",
			files:       []entry{configFile, embeddedData, resumeFile},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareMigrate,
		},
		{
			name: "open", summary: "write the plaintext of a stored object's bytes",
			synopsis: []string{"sealfront open --bucket BUCKET --key KEY --envelope VALUE RAWFILE [" + toolWhere + "]", "sealfront open --arn ARN [--kms-key ARN] --key KEY --envelope VALUE RAWFILE [" + toolWhere + "]"},
			description: []string{
				"Writes what RAWFILE, an object's bytes as the store had them, holds to stdout. With --arn the key service alone is needed, and of the configuration only kms, region, account and data are read: for the day on which neither proxy nor store are left.",
			},
			operands:    [2]int{1, 1},
			examples:    []example{{"From a backup", "sealfront open --arn arn:aws:s3express:us-west-2:123456789012:bucket/b--usw2-az1--x-s3 --key dir/note.txt --envelope AQEB… raw.bin --config sealfront.yaml"}},
			failure:     "the file isn't whole: what was written is a true prefix. Or the command failed",
			files:       []entry{configFile, embeddedData},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareOpen,
		},
		{
			name: "adopt", summary: "make a bucket's lost record again",
			synopsis: []string{"sealfront adopt BUCKET --arn ARN --kms-key ARN [--store-bucket NAME] [--sample N] [" + toolWhere + "]"},
			description: []string{
				"Makes the record of a bucket whose objects are in the store, once a sample of them has opened; if one doesn't, it writes nothing. A record that is there is never replaced. Bucket policy, tags and a former default are to be set again.",
				toolConnects,
			},
			operands:    [2]int{1, 1},
			examples:    []example{{"After the state bucket was lost", "sealfront adopt reports --arn arn:aws:s3:::reports --kms-key arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml"}},
			files:       []entry{configFile, embeddedData},
			environment: []entry{awsChain},
			seals:       true, prepare: prepareAdopt,
		},
		{
			name: "keys", summary: "show or drop the bucket keys in a running replica's memory",
			synopsis: []string{"sealfront keys [--admin ADDRESS] [" + toolWhere + "]", "sealfront keys drop [--kms-key ARN] [--admin ADDRESS] [" + toolWhere + "]"},
			description: []string{
				"Asks the replica behind the admin address and writes its answer, in JSON, to stdout: bucket keys by bucket and KMS key, their age and uses, never their bytes. drop makes all replicas forget them, so that a key which was disabled in KMS stops working at once.",
			},
			operands: [2]int{0, 1},
			examples: []example{
				{"What one replica holds", "sealfront keys --admin http://127.0.0.1:9090"},
				{"After a key was disabled in KMS", "sealfront keys drop --kms-key arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab --config sealfront.yaml"},
			},
			files:   []entry{configFile, {"admin.token_file", "of the configuration: the token that is sent"}},
			prepare: prepareKeys,
		},
		{
			name: "version", summary: "tell which build this is",
			synopsis:    []string{"sealfront version"},
			description: []string{"Writes version, revision and its date, Go, platform and build tags to stdout. A version of 'development' was built from a changed or unknown tree."},
			examples:    []example{{"For a report", "sealfront version"}},
			prepare:     prepareVersion,
		},
		{
			name: "help", summary: "show the manual, or a command's page",
			synopsis:    []string{"sealfront help [COMMAND]"},
			description: []string{"Without COMMAND: the manual of the program, with all commands, what it writes, its signals, its admin address and its files."},
			operands:    [2]int{0, 2},
			examples:    []example{{"The page of a command", "sealfront help config check"}},
			prepare:     prepareHelp,
		},
	}
}
