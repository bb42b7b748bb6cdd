package command

// What pages share.
const (
	toolConnects = "It calls store and key service itself, with the credentials of the configuration, and may run " +
		"while replicas are running."
	walkShared = "With --shard I/N it looks at the keys of one of N shards alone, and N machines share the bucket: each " +
		"key belongs to exactly one shard, by its hash. Status 0 then means that every key of the shard was seen; names " +
		"that can't be resolved, and what no listing shows, are reported by each shard. The progress is on stderr: objects " +
		"and bytes that are done, of how many where that is known, rates of the last minute, the time that is left, and " +
		"the key that is being worked on."
	toolWhere = "--config FILE | --data DIR"
)

var (
	configFile = entry{
		"FILE",
		"the configuration: YAML, described by 'sealfront config schema'. Paths in it are relative to it, and secrets may " +
			"be in files and in the environment: secret_key_file, secret_key_env",
	}
	embeddedData = entry{
		"./sealfront-data",
		"the data of embedded parts: data.json with the credentials, tls/ca.pem for clients to trust, the store and the " +
			"key service",
	}
	resumeFile = entry{
		"--resume FILE",
		"which command with which argument it belongs to, and the last key before which all is done; written every few " +
			"seconds and at the end",
	}
	metricsFile = entry{
		"--metrics-file FILE",
		"metrics in Prometheus' text format, listed in OPERATING.md: written every 15 seconds and at the end, with the " +
			"exit status",
	}
	awsChain = entry{
		"AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ROLE_ARN, …",
		"the AWS SDK's default credential chain, for a store or a KMS without an access_key in the configuration",
	}
	godebugFIPS = entry{"GODEBUG=fips140=on", "the FIPS 140-3 mode of Go's cryptography; 'only' isn't supported"}
	collection  = entry{
		"GOGC",
		"by how many percent the heap may grow before it is collected; by default 100, and more where it is below 32 MiB",
	}
	memoryLimits = entry{
		"GOMEMLIMIT", "the memory that the process may use, where limits.memory isn't set; requests beyond it get SlowDown",
	}
)
