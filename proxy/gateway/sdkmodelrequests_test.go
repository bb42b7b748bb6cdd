package gateway_test

import (
	"fmt"
	"strings"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// moreDocuments show the elements that an operation's base request hasn't. The test binary is the program, too, so
// nothing is made before a test needs it.
func moreDocuments() map[string][]string {
	return map[string][]string{
		"CreateBucket": {
			"<CreateBucketConfiguration><Location><Name>az1</Name><Type>AvailabilityZone</Type></Location><Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>",
		},
		"CompleteMultipartUpload": partChecksums(),
		"PutBucketEncryption": {
			"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>$KEY</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
		},
		"PutObjectLockConfiguration": {
			"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Years>1</Years></DefaultRetention></Rule></ObjectLockConfiguration>",
		},
		"PutBucketLifecycleConfiguration": {
			lifecycleOf("<Filter><Prefix>p</Prefix></Filter><Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>"),
			lifecycleOf("<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"),
			lifecycleOf("<Filter><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></Filter><NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions></NoncurrentVersionExpiration>"),
			lifecycleOf("<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload>"),
			lifecycleOf("<Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan><ObjectSizeLessThan>9</ObjectSizeLessThan></And></Filter><Expiration><Days>3</Days></Expiration>"),
			"<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Prefix>p</Prefix><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>",
		},
	}
}

// partChecksums are lists of one part, "hello", with a checksum of each algorithm.
func partChecksums() (documents []string) {
	for i := range proxytest.Algorithms {
		g := &proxytest.Algorithms[i]
		documents = append(documents,
			fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$ETAG</ETag><Checksum%s>%s</Checksum%s></Part></CompleteMultipartUpload>",
				g.Name, g.Of([]byte("hello")), g.Name))
	}
	return documents
}

func lifecycleOf(rest string) string {
	return "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status>" + rest +
		"</Rule></LifecycleConfiguration>"
}

// baseRequests makes a request of each operation that is served: one that succeeds where the embedded store has what it
// is about.
func (m *modelCheck) baseRequests() map[string]func() *proxytest.Request {
	n := 0
	fresh := func(prefix string) string { n++; return fmt.Sprint(prefix, n) }
	seed, source := "/"+m.bucket+"/seed", proxytest.Field("X-Amz-Copy-Source", m.bucket+"/seed")
	on := func(method, path, query, body string, header ...sigv4.Field) func() *proxytest.Request {
		return func() *proxytest.Request {
			return &proxytest.Request{Method: method, Path: path, Query: query, Body: body, Header: header}
		}
	}
	aboutBucket := func(method, query, body string, header ...sigv4.Field) func() *proxytest.Request {
		return on(method, "/"+m.bucket, query, body, header...)
	}
	aboutUpload := func(method, query, body string, header ...sigv4.Field) func() *proxytest.Request {
		return func() *proxytest.Request {
			path := "/" + m.bucket + "/upload"
			id := proxytest.Between(m.p.Do(&proxytest.Request{Method: "POST", Path: path, Query: "uploads="}).Text,
				"<UploadId>", "</UploadId>")
			m.etag = m.p.Do(&proxytest.Request{
				Method: "PUT", Path: path, Query: "partNumber=1&uploadId=" + id,
				Body: "hello",
			}).Header.Get("Etag")
			return &proxytest.Request{
				Method: method, Path: path, Query: strings.TrimPrefix(query+"&uploadId="+id, "&"),
				Body: strings.Replace(body, "$ETAG", m.etag, 1), Header: header,
			}
		}
	}
	requests := map[string]func() *proxytest.Request{
		"AbortMultipartUpload": aboutUpload("DELETE", "", ""),
		"CompleteMultipartUpload": aboutUpload("POST", "",
			"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>$ETAG</ETag></Part></CompleteMultipartUpload>"),
		"ListParts":      aboutUpload("GET", "", ""),
		"UploadPart":     aboutUpload("PUT", "partNumber=2", "hello"),
		"UploadPartCopy": aboutUpload("PUT", "partNumber=2", "", source),

		"CopyObject": on("PUT", "/"+m.bucket+"/copy", "", "", source,
			proxytest.Field("X-Amz-Metadata-Directive", "REPLACE")),
		"CreateMultipartUpload": on("POST", "/"+m.bucket+"/created", "uploads=", ""),
		"PutObject":             on("PUT", "/"+m.bucket+"/put", "", "hello"),
		"GetObject":             on("GET", seed, "", ""),
		"HeadObject":            on("HEAD", seed, "", ""),
		"GetObjectAttributes": on("GET", "/"+m.directory+"/parts", "attributes=", "",
			proxytest.Field("X-Amz-Object-Attributes", "ObjectParts")),
		"GetObjectAcl":     on("GET", seed, "acl=", ""),
		"PutObjectAcl":     on("PUT", seed, "acl=", "", proxytest.Field("X-Amz-Acl", "private")),
		"GetObjectTagging": on("GET", seed, "tagging=", ""),
		"PutObjectTagging": on("PUT", seed, "tagging=",
			"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"),
		"DeleteObjectTagging": on("DELETE", seed, "tagging=", ""),
		"GetObjectRetention":  on("GET", seed, "retention=", ""),
		"PutObjectRetention": on("PUT", seed, "retention=",
			"<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>"),
		"GetObjectLegalHold": on("GET", seed, "legal-hold=", ""),
		"PutObjectLegalHold": on("PUT", seed, "legal-hold=", "<LegalHold><Status>OFF</Status></LegalHold>"),
		"UpdateObjectEncryption": on("PUT", seed, "encryption=",
			"<ObjectEncryption><SSE-KMS><KMSKeyArn>"+m.p.Env["SEALFRONT_KMS_KEY"]+
				"</KMSKeyArn><BucketKeyEnabled>true</BucketKeyEnabled></SSE-KMS></ObjectEncryption>"),
		"DeleteObject": func() *proxytest.Request {
			m.p.Put(m.bucket, "doomed", "hello")
			return &proxytest.Request{Method: "DELETE", Path: "/" + m.bucket + "/doomed"}
		},
		"DeleteObjects": func() *proxytest.Request {
			etag := m.p.Put(m.bucket, "doomed", "hello").Header.Get("Etag")
			body := "<Delete><Quiet>false</Quiet><Object><Key>doomed</Key><VersionId>null</VersionId><ETag>" + etag +
				"</ETag><LastModifiedTime>Mon, 01 Jan 2024 00:00:00 GMT</LastModifiedTime><Size>5</Size></Object></Delete>"
			return &proxytest.Request{
				Method: "POST", Path: "/" + m.bucket, Query: "delete=", Body: body,
				Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", proxytest.CRC32(body))},
			}
		},
		"RenameObject": func() *proxytest.Request {
			m.p.Put(m.directory, "before", "hello")
			return &proxytest.Request{
				Method: "PUT", Path: "/" + m.directory + "/after", Query: "renameObject=",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", "before")},
			}
		},

		"CreateBucket": func() *proxytest.Request {
			body := "<CreateBucketConfiguration><LocationConstraint>" + m.p.Env["AWS_REGION"] +
				"</LocationConstraint><Tags><Tag><Key>k</Key><Value>v</Value></Tag></Tags></CreateBucketConfiguration>"
			return &proxytest.Request{Method: "PUT", Path: "/" + fresh("made-"), Body: body}
		},
		"DeleteBucket": func() *proxytest.Request {
			path := "/" + fresh("gone-")
			m.p.Do(&proxytest.Request{Method: "PUT", Path: path})
			return &proxytest.Request{Method: "DELETE", Path: path}
		},
		"HeadBucket":           aboutBucket("HEAD", "", ""),
		"ListBuckets":          on("GET", "/", "x-id=ListBuckets", ""),
		"ListDirectoryBuckets": on("GET", "/", "x-id=ListDirectoryBuckets", ""),
		"CreateSession":        on("GET", "/"+m.directory, "session=", ""),
		"ListObjects":          aboutBucket("GET", "", ""),
		"ListObjectsV2":        aboutBucket("GET", "list-type=2", ""),
		"ListObjectVersions":   aboutBucket("GET", "versions=", ""),
		"ListMultipartUploads": aboutBucket("GET", "uploads=", ""),

		"PutBucketAcl": aboutBucket("PUT", "acl=", "", proxytest.Field("X-Amz-Acl", "private")),
		"PutBucketEncryption": aboutBucket("PUT", "encryption=",
			"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled><BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>"),
		"PutBucketLifecycleConfiguration": aboutBucket("PUT", "lifecycle=",
			lifecycleOf("<Filter><Prefix>p</Prefix></Filter><Expiration><Days>3</Days></Expiration>")),
		"PutBucketPolicy": aboutBucket("PUT", "policy=",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+m.bucket+`/none"}]}`),
		"PutBucketTagging": aboutBucket("PUT", "tagging=",
			"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"),
		"PutBucketVersioning": aboutBucket("PUT", "versioning=",
			"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
		"PutObjectLockConfiguration": aboutBucket("PUT", "object-lock=",
			"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>"),
		"DeleteBucketLifecycle": aboutBucket("DELETE", "lifecycle=", ""),
		"PutPublicAccessBlock": aboutBucket("PUT", "publicAccessBlock=",
			"<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"),
		"PutBucketOwnershipControls": aboutBucket("PUT", "ownershipControls=",
			"<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>"),
		"DeleteBucketOwnershipControls": aboutBucket("DELETE", "ownershipControls=", ""),
	}
	for old, now := range map[string]string{
		"GetBucketNotification": "GetBucketNotificationConfiguration",
		"GetBucketLifecycle":    "GetBucketLifecycleConfiguration",
		"PutBucketLifecycle":    "PutBucketLifecycleConfiguration",
	} { // botocore has the old names, too
		defer func() { requests[old] = requests[now]; m.more[old] = m.more[now] }()
	}
	for query, names := range map[string]string{
		"abac": "GetBucketAbac", "accelerate": "GetBucketAccelerateConfiguration", "acl": "GetBucketAcl",
		"analytics":           "GetBucketAnalyticsConfiguration ListBucketAnalyticsConfigurations",
		"cors":                "GetBucketCors DeleteBucketCors",
		"encryption":          "GetBucketEncryption DeleteBucketEncryption",
		"intelligent-tiering": "GetBucketIntelligentTieringConfiguration ListBucketIntelligentTieringConfigurations",
		"inventory":           "GetBucketInventoryConfiguration ListBucketInventoryConfigurations",
		"lifecycle":           "GetBucketLifecycleConfiguration", "location": "GetBucketLocation",
		"logging": "GetBucketLogging", "metrics": "GetBucketMetricsConfiguration ListBucketMetricsConfigurations",
		"notification": "GetBucketNotificationConfiguration",
		"object-lock":  "GetObjectLockConfiguration", "ownershipControls": "GetBucketOwnershipControls",
		"policy":       "GetBucketPolicy DeleteBucketPolicy",
		"policyStatus": "GetBucketPolicyStatus", "publicAccessBlock": "GetPublicAccessBlock DeletePublicAccessBlock",
		"replication":    "GetBucketReplication DeleteBucketReplication",
		"requestPayment": "GetBucketRequestPayment", "tagging": "GetBucketTagging DeleteBucketTagging",
		"versioning": "GetBucketVersioning",
		"website":    "GetBucketWebsite DeleteBucketWebsite",
	} {
		for name := range strings.FieldsSeq(names) {
			method := "GET"
			if strings.HasPrefix(name, "Delete") {
				method = "DELETE"
			}
			requests[name] = aboutBucket(method, query+"=", "")
		}
	}
	return requests
}

// makeParts makes an object of two parts that GetObjectAttributes lists.
func (m *modelCheck) makeParts() {
	path := "/" + m.directory + "/parts"
	id := proxytest.Between(m.p.Do(&proxytest.Request{Method: "POST", Path: path, Query: "uploads="}).Text,
		"<UploadId>", "</UploadId>")
	list := ""
	for i, body := range []string{strings.Repeat("x", 5*proxytest.MiB), "hello"} {
		a := m.p.Do(&proxytest.Request{
			Method: "PUT", Path: path,
			Query: fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id), Body: body,
		})
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, a.Header.Get("Etag"))
	}
	m.p.Do(&proxytest.Request{
		Method: "POST", Path: path, Query: "uploadId=" + id,
		Body: "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>",
	})
}
