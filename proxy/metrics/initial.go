package metrics

// What follows are the labels of series that exist from the start. A counter whose first sample is its first event, or
// its first five hundred, has no rate and no increase: an alert would miss the begin of an outage. They are the
// operations that carry load, with the codes that are the service's fault.
var (
	initialOperations = []string{
		"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "CreateSession",
		"DeleteObject", "DeleteObjects", "GetObject", "GetObjectAttributes", "HeadBucket", "HeadObject", "ListBuckets",
		"ListObjects", "ListObjectsV2", "ListParts", "PutObject", "RenameObject", "UploadPart", "UploadPartCopy", noOperation,
	}
	initialCodes = []string{
		"OK", "AccessDenied", "InternalError", "InvalidAccessKeyId", "ServiceUnavailable", "SignatureDoesNotMatch",
		"SlowDown",
	}

	initialStoreOperations = []string{
		"AbortMultipartUpload", "CompleteMultipartUpload", "CopyObject", "CreateMultipartUpload", "DeleteObject",
		"DeleteObjects", "GetObject", "HeadBucket", "HeadObject", "ListObjectsV2", "ListParts", "PutObject", "UploadPart",
	}
	initialStoreCodes = append([]string{"200", "500", "502", "503", "504", "507"}, storeTroubles...)

	initialKMSCalls    = []string{"GenerateDataKey", "Decrypt", "DescribeKey"}
	initialKMSOutcomes = []string{
		"ok", "unreachable", "AccessDeniedException", "DependencyTimeoutException", "DisabledException",
		"InvalidKeyUsageException", "KMSInternalException", "KMSInvalidStateException", "KeyUnavailableException",
		"NotFoundException", "ThrottlingException",
	}

	initialIntegrityKinds = []string{"blob", "envelope", "key", "length", "record", "segment", "trailer"}
)

// storeTroubles are the codes of requests to the store that had no answer.
var storeTroubles = []string{"hanging", "away", "unavailable", troubleCanceled}

const (
	troubleCanceled = "canceled" // who wanted the answer has left: not the store's fault
	noOperation     = "unknown"
)

// initialize makes the series that scripts and alerts read exist before the first event.
func (m *Metrics) initialize() {
	for _, operation := range initialOperations {
		for _, code := range initialCodes {
			m.requests.WithLabelValues(operation, code)
		}
	}
	for _, operation := range initialStoreOperations {
		for _, code := range initialStoreCodes {
			m.store.WithLabelValues(operation, code)
		}
	}
	for _, call := range initialKMSCalls {
		for _, outcome := range initialKMSOutcomes {
			m.kmsCalls.WithLabelValues(call, outcome)
		}
	}
	for _, kind := range initialIntegrityKinds {
		m.integrity.WithLabelValues(kind)
	}
	for _, reason := range []string{"requests", "memory", "concurrency", "rate", "logins", "connections", "audit"} {
		m.shed.WithLabelValues(reason)
	}
	for _, outcome := range []string{"ok", "refused"} {
		m.reloads.WithLabelValues(outcome)
	}
	for _, outcome := range []string{"written", "lost"} {
		m.audit.WithLabelValues(outcome)
	}
	for _, table := range []string{"opening", "sealing"} {
		m.evictions.WithLabelValues(table)
	}
	m.sessions.WithLabelValues("issued")
}
