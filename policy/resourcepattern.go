package policy

import (
	"strconv"
	"strings"
)

// arnServices are the services whose resources requests are about here.
var arnServices = []string{"s3", "s3express", "kms", "iam"}

// checkResource refuses a pattern of resources that no resource's ARN could match by its form:
// arn:partition:service:region:account:resource, of a service whose resources requests are about, without Region and
// account for general purpose buckets and with both for all others.
func checkResource(pattern string) error {
	if pattern == "*" {
		return nil
	}
	fields := strings.SplitN(pattern, ":", 6)
	switch {
	case fields[0] != "arn":
		return &resourceFault{pattern, "is neither an ARN nor *", ""}
	case len(fields) < 6 || fields[1] == "" || fields[5] == "":
		return &resourceFault{
			pattern, "is no ARN, which has the form arn:partition:service:region:account:resource", nearestARN(fields),
		}
	}
	service, region, account := fields[2], fields[3], fields[4]
	if !anyMatches(service, arnServices) {
		return &resourceFault{
			pattern, "is of no service whose resources requests are about here", didYouMean(service, arnServices),
		}
	}
	switch service {
	case "s3":
		if !match(region, "") || !match(account, "") {
			return &resourceFault{
				pattern,
				"names a Region or an account, which ARNs of general purpose buckets and their objects don't have",
				nearestARN(fields),
			}
		}
	case "s3express", "kms":
		if region == "" || account == "" {
			return &resourceFault{pattern, "has no Region or no account", ""}
		}
		if kinds := []string{"bucket/", "key/", "alias/"}; !anyBegins(fields[5], kinds) {
			return &resourceFault{pattern, "names no bucket and no key", ""}
		}
	case "iam":
		if account == "" || !anyBegins(fields[5], []string{"role/"}) {
			return &resourceFault{pattern, "names no account's role", ""}
		}
	}
	return nil
}

// resourceFault is what is wrong with a resource.
type resourceFault struct{ resource, why, hint string }

func (f *resourceFault) Error() string { return strconv.Quote(f.resource) + " " + f.why + f.hint }

// nearestARN says which ARN of a general purpose bucket was probably meant.
func nearestARN(fields []string) string {
	if len(fields) < 4 || fields[2] != "s3" {
		return ""
	}
	return ": did you mean arn:" + fields[1] + ":s3:::" + fields[len(fields)-1] + "?"
}

func anyMatches(pattern string, list []string) bool {
	for _, text := range list {
		if match(pattern, text) {
			return true
		}
	}
	return false
}

// anyBegins reports whether text that begins with one of list can match pattern.
func anyBegins(pattern string, list []string) bool {
	for _, prefix := range list {
		if matchesBeginning(pattern, prefix) {
			return true
		}
	}
	return false
}

// matchesBeginning reports whether some text that begins with prefix matches pattern: what is left of the pattern
// after the prefix always has a text that it matches.
func matchesBeginning(pattern, prefix string) bool {
	// alive are the places in the pattern that what was read of prefix may have led to.
	alive := make([]bool, len(pattern)+1)
	alive[0] = true
	for i := range len(prefix) {
		next := make([]bool, len(pattern)+1)
		for p := range len(pattern) {
			if !alive[p] {
				continue
			}
			switch pattern[p] {
			case '*':
				// It stands for no character, and p+1 goes on from there in this turn, or for this one.
				alive[p+1], next[p] = true, true
			case 0:
				if pattern[p+1] == prefix[i] {
					next[p+2] = true
				}
			case '?', prefix[i]:
				next[p+1] = true
			}
		}
		alive = next
	}
	for _, a := range alive {
		if a {
			return true
		}
	}
	return false
}
