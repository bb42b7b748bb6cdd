package state_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"sealfront/proxy/state"
)

// Records of earlier releases had a map, and their replicas read what this one writes.
func TestTagsKeepTheirOrder(t *testing.T) {
	tags := state.Tags{{Key: "b", Value: `"quoted"`}, {Key: "a", Value: ""}, {Key: "B", Value: "ä"}}
	text, err := json.Marshal(state.Bucket{Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	var again state.Bucket
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again.Tags, tags) {
		t.Errorf("%s is read as %v: %v", text, again.Tags, err)
	}
	var earlier struct{ Tags map[string]string }
	if err := json.Unmarshal(text, &earlier); err != nil || len(earlier.Tags) != 3 || earlier.Tags["B"] != "ä" {
		t.Errorf("an earlier release reads %s as %v: %v", text, earlier.Tags, err)
	}
	if text, _ = json.Marshal(earlier); json.Unmarshal(text, &again) != nil || len(again.Tags) != 3 ||
		again.Tags[0].Key != "B" {
		t.Errorf("%s of an earlier release is read as %v", text, again.Tags)
	}
	for name, text := range map[string]string{
		"a list": `["a"]`, "a number as a value": `{"a":1}`, "an object as a value": `{"a":{}}`,
		"a key twice": `{"a":"1","a":"2"}`,
		"no JSON":     `{`, "a text": `"a"`,
	} {
		if json.Unmarshal([]byte(text), &again.Tags) == nil {
			t.Errorf("%s is read as %v", name, again.Tags)
		}
	}
	if err := json.Unmarshal([]byte(`{"tags":null}`), &again); err != nil || again.Tags != nil {
		t.Errorf("null is read as %v: %v", again.Tags, err)
	}
}
