package command

import (
	"context"
	"net/http"
	"net/url"
)

func keysCommand() command {
	return command{
		name: "keys", summary: "show or drop the bucket keys in a running replica's memory",
		synopsis: []string{
			"sealfront keys [--admin ADDRESS] [" + toolWhere + "]",
			"sealfront keys drop [--kms-key ARN] [--admin ADDRESS] [" + toolWhere + "]",
		},
		description: []string{
			"Calls the replica at the admin address and writes its answer, in JSON, to stdout: bucket keys by bucket and " +
				"KMS key, their age and uses, never their bytes. drop makes all replicas forget them, so that a key which was " +
				"disabled in KMS stops working at once.",
		},
		operands: [2]int{0, 1},
		examples: []example{
			{"What one replica holds", "sealfront keys --admin http://127.0.0.1:9090"},
			{
				"After a key was disabled in KMS",
				"sealfront keys drop --kms-key arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab " +
					"--config sealfront.yaml",
			},
		},
		files:   []entry{configFile, {"admin.token_file", "of the configuration: the token that is sent"}},
		prepare: prepareKeys,
	}
}

// prepareKeys calls a running replica at its admin address.
func prepareKeys(v *invocation) action {
	v.at.register(v.FlagSet)
	admin := v.String("admin", "", "the replica's admin `ADDRESS`; default that of the configuration")
	kmsKey := v.String("kms-key", "", "with drop: `ARN` of the KMS key whose bucket keys to drop; default all")
	return func(ctx context.Context, operands []string) error {
		drop := len(operands) > 0
		if drop && operands[0] != "drop" {
			return usagef("keys takes drop or nothing, but got %q\n%s", operands, v.command.usage())
		}
		if *kmsKey != "" && !drop {
			return usagef("--kms-key goes with keys drop")
		}
		return v.requestKeys(ctx, *admin, drop, *kmsKey)
	}
}

// requestKeys requests the bucket keys, or has them dropped, and writes the answer.
func (v *invocation) requestKeys(ctx context.Context, admin string, drop bool, kmsKey string) error {
	replica, err := v.findReplica(admin)
	if err != nil {
		return err
	}
	method, path := http.MethodGet, "/keys"
	if drop {
		method, path = http.MethodPost, "/keys/drop"
		if kmsKey != "" {
			path += "?" + url.Values{"kms-key": {kmsKey}}.Encode()
		}
	}
	return replica.call(ctx, method, path, nil, v.stdout)
}
