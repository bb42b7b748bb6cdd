package deploy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sealfront/policy"
)

// Every condition key that the manual lists may be asked for, and those of Amazon's that it doesn't list may not.
func TestTheManualsConditionKeys(t *testing.T) {
	text, err := os.ReadFile("OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "- Condition keys: ")
	list, _, _ = strings.Cut(list, "\n- ")
	listed := 0
	for part := range strings.SplitSeq(list, ";") {
		services := regexp.MustCompile("`(aws|s3|s3express):`").FindAllStringSubmatch(part, -1)
		for _, name := range regexp.MustCompile(`\b([A-Za-z][A-Za-z-]+)(/…)?[,. ]`).FindAllStringSubmatch(regexp.MustCompile("`[^`]*`").ReplaceAllString(part, ""), -1) {
			switch key := name[1]; key {
			case "and", "as", "too", "the", "x-amz-", "headers", "that", "Amazon", "lists", "keys":
			default:
				if name[2] != "" {
					key += "/Team"
				}
				for _, service := range services {
					if key == "SessionMode" || key == "LocationName" {
						service = services[0]
					}
					if listed++; !policy.IsConditionKey(strings.ToLower(service[1] + ":" + key)) {
						t.Errorf("%s:%s is no condition key", service[1], key)
					}
				}
			}
		}
	}
	if listed < 30 {
		t.Errorf("only %d keys were found:\n%s", listed, list)
	}
	for _, key := range []string{"aws:sourcevpce", "aws:principalorgid", "s3:existingobjecttag/class"} {
		if policy.IsConditionKey(key) {
			t.Errorf("%s has become a condition key, and the manual doesn't say so", key)
		}
	}
}
