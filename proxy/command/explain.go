package command

import (
	"context"
	"errors"
	"strings"

	"sealfront/proxy/access"
	"sealfront/proxy/instance"
)

func explainCommand() command {
	return command{
		name: "explain", summary: "show which rule decides about a request, and why",
		synopsis: []string{
			"sealfront explain --operation NAME --bucket BUCKET [--key KEY] [--header 'NAME: VALUE']… [--session-header " +
				"'NAME: VALUE']… [" + toolWhere + "]",
		},
		description: []string{
			"Decides about a request as a replica would, without sending it, and writes row, decision and reason in JSON to " +
				"stdout. The bucket's record is read from the store.",
		},
		examples: []example{
			{
				"Which encryption would an upload get?",
				"sealfront explain --operation PutObject --bucket demo--local-az1--x-s3 --key a.txt --header " +
					"'x-amz-server-side-encryption: aws:kms' --config sealfront.yaml",
			},
			{
				"May this identity delete?",
				"sealfront explain --operation DeleteObject --bucket reports --key a.txt --principal app --long-term --config " +
					"sealfront.yaml",
			},
		},
		files:       []entry{configFile, embeddedData},
		environment: []entry{awsChain},
		seals:       true, prepare: prepareExplain,
	}
}

// fieldList is a flag that may be given several times.
type fieldList []string

func (l *fieldList) String() string         { return strings.Join(*l, ", ") }
func (l *fieldList) Set(value string) error { *l = append(*l, value); return nil }

// prepareExplain reports which row of the rules decides about a request, and why.
func prepareExplain(v *invocation) action {
	v.at.register(v.FlagSet)
	var q access.Question
	v.StringVar(&q.Operation, "operation", "", "API `NAME` of the operation, such as PutObject")
	v.StringVar(&q.Bucket, "bucket", "", "`BUCKET` of the request")
	v.StringVar(&q.Key, "key", "", "`KEY` of the object")
	v.Var((*fieldList)(&q.Header), "header", "`'NAME: VALUE'` of a request header; may be repeated")
	v.Var((*fieldList)(&q.Query), "query", "`'NAME=VALUE'` of a query parameter; may be repeated")
	v.Var((*fieldList)(&q.SessionHeader), "session-header",
		"`'NAME: VALUE'` of a header of the session's CreateSession; may be repeated")
	v.BoolVar(&q.LongTerm, "long-term", false, "signed with a long-term key, not with a session")
	v.BoolVar(&q.Plain, "http", false, "over HTTP, not over TLS")
	v.StringVar(&q.Principal, "principal", "",
		"`NAME` of the identity whose permissions are checked; default: all are assumed")
	v.StringVar(&q.Source, "source-ip", "", "`ADDRESS` that the request comes from, for policies; default: unknown")
	return func(ctx context.Context, _ []string) (err error) {
		if q.Operation == "" || q.Bucket == "" {
			return usagef("explain needs --operation and --bucket")
		}
		c, err := v.at.load()
		if err != nil {
			return err
		}
		p, err := instance.Open(ctx, c, instance.Reading, v.instanceOptions(nil))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Close()) }()
		e, err := p.Gateway.Access().Explain(ctx, &q)
		if errors.Is(err, access.ErrQuestion) {
			return usageError{err}
		}
		if err != nil {
			return err
		}
		return writeJSON(v.stdout, e)
	}
}
