package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"sealfront/policy"
)

func TestChecksOfTheRequestByItself(t *testing.T) {
	_, rows := table(t, "checks.txt")
	for _, row := range rows {
		t.Run(strings.Join(row[:5], " "), func(t *testing.T) {
			path := row[2]
			if rest, cut := strings.CutPrefix(path, "D"); cut {
				path = bucketName + rest
			} else if rest, cut := strings.CutPrefix(path, "G"); cut {
				path = "plain" + rest
			}
			path = strings.Replace(path, "KEY1024", strings.Repeat("k", 1024), 1)
			path = strings.Replace(path, "KEY1025", strings.Repeat("k", 1025), 1)
			op := operation(t, row[1])
			refusal := policy.CheckRequest(op, received(t, "", path, row[3], row[4]))
			want, element, named := strings.Cut(row[5], "/")
			got := "ok"
			if refusal != nil {
				got, _, _ = strings.Cut(written(t, refusal), " ")
			}
			if got != want {
				t.Fatalf("got %s (%v), want %s", got, refusal, want)
			}
			if name, value, _ := strings.Cut(element, "="); named && !hasElement(refusal, name, value) {
				t.Errorf("%+v has no %s %s", refusal.Elements, name, value)
			}
		})
	}
}

func hasElement(refusal *policy.Refusal, name, value string) bool {
	for _, e := range refusal.Elements {
		if e == (policy.Element{Name: name, Value: value}) {
			return true
		}
	}
	return false
}

func TestKeysMustBeUTF8(t *testing.T) {
	r := request(policy.PutObject, bucketName, "")
	r.Key = "a\xffb"
	if refusal := policy.CheckRequest(policy.PutObject, r); refusal == nil || refusal.Code != "InvalidURI" {
		t.Errorf("got %v", refusal)
	}
}

func TestTheBucketsRecordDecidesOwnerClassAndZone(t *testing.T) {
	local := bucket("none")
	local.LocalZone = true
	for _, c := range []struct {
		name, header, value string
		bucket              *policy.Bucket
		want                string
	}{
		{"the owner", "x-amz-expected-bucket-owner", account, bucket("none"), ""},
		{"another owner", "x-amz-expected-bucket-owner", "210987654321", bucket("none"), "AccessDenied"},
		{"the class of an Availability Zone", "x-amz-storage-class", "EXPRESS_ONEZONE", bucket("none"), ""},
		{
			"the class of a Local Zone in an Availability Zone", "x-amz-storage-class", "ONEZONE_IA", bucket("none"),
			"InvalidStorageClass",
		},
		{"the class of a Local Zone", "x-amz-storage-class", "ONEZONE_IA", local, ""},
		{
			"the class of an Availability Zone in a Local Zone", "x-amz-storage-class", "EXPRESS_ONEZONE", local,
			"InvalidStorageClass",
		},
		{"an append", "x-amz-write-offset-bytes", "0", bucket("none"), ""},
		{"an append in a Local Zone", "x-amz-write-offset-bytes", "0", local, "NotImplemented"},
	} {
		r := request(policy.PutObject, bucketName, "")
		r.Header.(policy.MapFields)[c.header] = []string{c.value}
		got := ""
		if refusal := policy.CheckBucket(policy.PutObject, r, c.bucket); refusal != nil {
			got = refusal.Code
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	r := request(policy.CopyObject, bucketName, "")
	r.Header.(policy.MapFields)["x-amz-source-expected-bucket-owner"] = []string{"210987654321"}
	if refusal := policy.CheckSource(r, bucket("none")); refusal == nil || refusal.Code != "AccessDenied" {
		t.Errorf("another owner of the source: %v", refusal)
	}
}

func TestSourcesAreDecodedOnce(t *testing.T) {
	r := received(t, "PUT", bucketName+"/k", "",
		"x-amz-copy-source=/other--usw2-az1--x-s3/a%2520b/c%2Bd+e x-amz-copy-source-range=bytes=3-9")
	source, refusal := r.CopySource()
	if want := (policy.Source{Bucket: "other--usw2-az1--x-s3", Key: "a%20b/c+d+e"}); refusal != nil || source != want {
		t.Errorf("got %+v, %v", source, refusal)
	}
	first, last, whole, refusal := r.CopyRange()
	if first != 3 || last != 9 || whole || refusal != nil {
		t.Errorf("got %d-%d, %v, %v", first, last, whole, refusal)
	}
	if refusal := r.RangeBeyondSource(5); refusal.Message !=
		"Range specified is not valid for source object of size: 5" {
		t.Errorf("got %v", refusal)
	}
	r = received(t, "PUT", bucketName+"/k", "renameObject", "x-amz-rename-source=/"+bucketName+"/a%20b")
	if key, refusal := r.RenameSource(); key != "a b" || refusal != nil {
		t.Errorf("got %q, %v", key, refusal)
	}
	r = received(t, "PUT", bucketName+"/k", "", "x-amz-write-offset-bytes=77")
	if offset, appends := r.WriteOffset(); offset != 77 || !appends {
		t.Errorf("got %d, %v", offset, appends)
	}
}

func TestCreateBucketNamesTheZoneOfTheBucket(t *testing.T) {
	const open = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`
	location := func(name, kind string) string {
		return `<Location><Name>` + name + `</Name><Type>` + kind + `</Type></Location>`
	}
	const directory = `<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket>`
	const end = `</CreateBucketConfiguration>`
	for _, c := range []struct{ name, bucket, body, want string }{
		{"as SDKs send it", bucketName, open + location("usw2-az1", "AvailabilityZone") + directory + end, ""},
		{
			"with empty tags", bucketName, open + location("usw2-az1", "AvailabilityZone") + directory +
				"<Tags/>" + end, "",
		},
		{
			"in a Local Zone", bucketName, open + location("usw2-az1", "LocalZone") +
				strings.Replace(directory, "SingleAvailabilityZone", "SingleLocalZone", 1) + end, "",
		},
		{
			"redundancy of another zone type", bucketName, open + location("usw2-az1", "LocalZone") + directory + end,
			"MalformedXML",
		},
		{
			"another zone", bucketName, open + location("usw2-az2", "AvailabilityZone") + directory + end,
			"InvalidBucketName",
		},
		{"without a body", bucketName, "", "InvalidRequest"},
		{"without a bucket type", bucketName, open + location("usw2-az1", "AvailabilityZone") + end, "InvalidRequest"},
		{
			"with a location constraint", bucketName, open + location("usw2-az1", "AvailabilityZone") + directory +
				"<LocationConstraint>us-west-2</LocationConstraint>" + end, "InvalidRequest",
		},
		{"not XML", bucketName, "zone", "MalformedXML"},
		{"general purpose without a body", "plain", "", ""},
		{
			"general purpose in the region", "plain", open + "<LocationConstraint>us-west-2</LocationConstraint>" + end,
			"",
		},
		{
			"general purpose in another region", "plain", open + "<LocationConstraint>eu-west-1</LocationConstraint>" +
				end, "InvalidLocationConstraint",
		},
		{
			"a directory bucket under a general purpose name", "plain",
			open + location("usw2-az1", "AvailabilityZone") + directory + end, "InvalidBucketName",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			name, refusal := policy.ParseBucketName(c.bucket)
			if refusal != nil {
				t.Fatal(refusal)
			}
			got := ""
			configuration, refusal := policy.ParseCreateBucketConfiguration([]byte(c.body), name, "us-west-2")
			if refusal != nil {
				got = refusal.Code
			}
			if got != c.want || refusal == nil && configuration.LocalZone != strings.Contains(c.body, "LocalZone") {
				t.Errorf("got %q, %+v, want %q", got, configuration, c.want)
			}
		})
	}
}

// An entry of DeleteObjects is refused as a DeleteObject with the same conditions is.
func TestEntriesAreCheckedAsDeletionsAre(t *testing.T) {
	for _, bucket := range []string{"general", "directory--az1--x-s3"} {
		for _, e := range []policy.Entry{
			{Key: "key"},
			{Key: ""},
			{Key: strings.Repeat("k", 1025)},
			{Key: "../key"},
			{Key: "key", ETag: `"e"`},
			{Key: "key", ETag: "*"},
			{Key: "key", Size: "3"},
			{Key: "key", Size: "-3"},
			{Key: "key", Size: "three"},
			{Key: "key", LastModified: "Fri, 01 Jan 2027 00:00:00 GMT"},
			{Key: "key", LastModified: "yesterday"},
			{Key: "key", ETag: `"e"`, Size: "3", LastModified: "Fri, 01 Jan 2027 00:00:00 GMT"},
		} {
			header := policy.MapFields{}
			for name, value := range map[string]string{
				"if-match": e.ETag, "x-amz-if-match-size": e.Size, "x-amz-if-match-last-modified-time": e.LastModified,
			} {
				if value != "" {
					header[name] = []string{value}
				}
			}
			want := policy.CheckRequest(policy.DeleteObject,
				&policy.Request{Method: "DELETE", Bucket: bucket, Key: e.Key, Header: header})
			got := policy.CheckEntry(bucket, &e)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %+v: %v, want %v", bucket, e, got, want)
			}
		}
	}
}
