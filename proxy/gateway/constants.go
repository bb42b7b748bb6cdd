package gateway

import (
	"net/http"

	"sealfront/policy"
	"sealfront/proxy/s3"
)

// A fixedAnswer is that of an operation that reads a configuration no bucket has here, since the store could only act
// on it with plaintext, or by leading clients past the proxy. The operation that would set it returns 501.
type fixed struct {
	code, message string // an error
	document      string // otherwise an empty document's root, or
	list          string // that of a list, when no id is named, and
	inner         string // what is in it; neither: 204
}

const noSuchConfiguration = "The specified configuration does not exist."

// fixedAnswers has a row an operation.
var fixedAnswers = map[policy.Operation]fixed{
	policy.GetBucketCors:    {code: "NoSuchCORSConfiguration", message: "The CORS configuration does not exist"},
	policy.DeleteBucketCors: {},
	policy.GetBucketWebsite: {
		code: "NoSuchWebsiteConfiguration", message: "The specified bucket does not have a website configuration",
	},
	policy.DeleteBucketWebsite: {},
	policy.GetBucketReplication: {
		code: "ReplicationConfigurationNotFoundError", message: "The replication configuration was not found",
	},
	policy.DeleteBucketReplication: {},

	policy.GetBucketLogging:                   {document: "BucketLoggingStatus"},
	policy.GetBucketNotificationConfiguration: {document: "NotificationConfiguration"},
	policy.GetBucketAccelerateConfiguration:   {document: "AccelerateConfiguration"},
	policy.GetBucketAbac:                      {document: "AbacStatus", inner: "<Status>Disabled</Status>"},
	policy.GetBucketRequestPayment: {
		document: "RequestPaymentConfiguration", inner: "<Payer>BucketOwner</Payer>",
	},

	policy.GetBucketAnalyticsConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListBucketAnalyticsConfigurationsResult",
	},
	policy.GetBucketInventoryConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListInventoryConfigurationsResult",
	},
	policy.GetBucketMetricsConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListMetricsConfigurationsResult",
	},
	policy.GetBucketIntelligentTieringConfiguration: {
		code: "NoSuchConfiguration", message: noSuchConfiguration, list: "ListBucketIntelligentTieringConfigurationsOutput",
	},
}

// constant carries out the operations of fixedAnswers.
func constant(x *exchange) error {
	f := fixedAnswers[x.Operation]
	_, named := x.grant.Query.Get("id")
	switch {
	case f.list != "" && !named:
		return x.answerElement(f.list, "<IsTruncated>false</IsTruncated>")
	case f.code != "":
		return s3.Refuse(f.code, f.message, "BucketName", x.Bucket)
	case f.document != "":
		return x.answerElement(f.document, f.inner)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// getBucketLocation carries out GetBucketLocation. The location of us-east-1 is an empty element.
func getBucketLocation(x *exchange) error {
	if x.Record.Region == "us-east-1" {
		return x.answerElement("LocationConstraint", "")
	}
	return x.answerElement("LocationConstraint", x.Record.Region)
}
