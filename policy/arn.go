package policy

import "strings"

// BucketARN returns the ARN of a bucket with this name that is in partition aws; a bucket's own record
// comes before it, since ARNs are written down when buckets are made.
func BucketARN(name, region, account string) string {
	if KindOf(name) == Directory {
		return "arn:aws:s3express:" + region + ":" + account + ":bucket/" + name
	}
	return "arn:aws:s3:::" + name
}

// arnField returns the nth of an ARN's six colon-separated fields (0 is "arn"), "" when there are fewer.
func arnField(arn string, n int) string {
	for ; n > 0; n-- {
		_, rest, more := strings.Cut(arn, ":")
		if !more {
			return ""
		}
		arn = rest
	}
	field, _, _ := strings.Cut(arn, ":")
	return field
}

func regionOf(arn string) string { return arnField(arn, 3) }

func accountOf(arn string) string { return arnField(arn, 4) }

func resourceOf(arn string) string {
	for range 5 {
		_, rest, more := strings.Cut(arn, ":")
		if !more {
			return ""
		}
		arn = rest
	}
	return arn
}

func isAccount(value string) bool {
	if len(value) != 12 {
		return false
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
	}
	return true
}
