package sigv4_test

import (
	"fmt"
	"time"

	"sealfront/sigv4"
)

// A server verifies a request of which it knows method, path, query and header as they came over the wire.
func ExampleVerifier_Check() {
	secrets := map[string]string{"AKIAIOSFODNN7EXAMPLE": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	v := sigv4.NewVerifier(sigv4.Options{
		Regions: []string{"us-east-1"},
		Now:     func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) },
	})
	m := &sigv4.Message{
		Method: []byte("GET"),
		Path:   []byte("/"),
		Query:  []byte("max-keys=2&prefix=J"),
		Header: []sigv4.Field{
			{[]byte("Host"), []byte("examplebucket.s3.amazonaws.com")},
			{[]byte("X-Amz-Date"), []byte("20130524T000000Z")},
			{
				[]byte("X-Amz-Content-Sha256"),
				[]byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
			},
			{[]byte("Authorization"), []byte(
				"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," +
					"SignedHeaders=host;x-amz-content-sha256;x-amz-date," +
					"Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")},
		},
	}

	var a sigv4.Authentication // to be reused for the next request
	if err := v.Read(m, &a, "s3"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s says it is %s\n", a.Kind, a.AccessKeyID)
	fmt.Println(v.Check(m, &a, secrets[string(a.AccessKeyID)]))

	m.Query = []byte("max-keys=1000&prefix=J")
	fmt.Println(v.Check(m, &a, secrets[string(a.AccessKeyID)]))
	// Output:
	// header says it is AKIAIOSFODNN7EXAMPLE
	// <nil>
	// SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your key and signing method.
}

func ExampleSigner_AppendAuthorization() {
	s := sigv4.NewSigner("us-east-1", "s3")
	c := &sigv4.Credentials{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	}
	t := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	m := &sigv4.Message{
		Method: []byte("GET"),
		Path:   []byte("/test.txt"),
		Header: []sigv4.Field{
			{[]byte("Host"), []byte("examplebucket.s3.amazonaws.com")},
			{[]byte("Range"), []byte("bytes=0-9")},
			{[]byte("X-Amz-Date"), sigv4.AppendTimestamp(nil, t)},
			{
				[]byte("X-Amz-Content-Sha256"),
				[]byte("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
			},
		},
	}
	fmt.Printf("%s\n", s.AppendAuthorization(nil, m, c, t))
	// Output:
	// AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41
}
