package command

// What pages share.
const (
	toolConnects = "It calls store and key service itself, with the credentials of the configuration, and may run " +
		"while replicas are running."
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
