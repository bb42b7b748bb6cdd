package keyservice_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// administer is what tools that manage keys rely on, of this service and of moto; exact leaves out what moto answers
// otherwise.
func administer(t *testing.T, url string, exact bool) {
	c, ctx := client(url, accessKey, secretKey), t.Context()
	fails := func(what, want string, err error) {
		t.Helper()
		if got := code(t, err); got != want {
			t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
		}
	}
	out, err := c.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String("first"), Tags: []types.Tag{{TagKey: aws.String("b"), TagValue: aws.String("1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id, arn := out.KeyMetadata.KeyId, out.KeyMetadata.Arn

	if _, err := c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{
		KeyId: id, Description: aws.String("second"),
	}); err != nil {
		t.Error(err)
	}
	if described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id}); err != nil ||
		*described.KeyMetadata.Description != "second" {
		t.Errorf("the description: %v", err)
	}

	wantTags := func(want string) {
		t.Helper()
		listed, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: id})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tag := range listed.Tags {
			got = append(got, *tag.TagKey+"="+*tag.TagValue)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want || listed.Truncated {
			t.Errorf("the tags are %q, want %q", got, want)
		}
	}
	wantTags("b=1")
	if _, err := c.TagResource(ctx, &kms.TagResourceInput{
		KeyId: id, Tags: []types.Tag{
			{TagKey: aws.String("a"), TagValue: aws.String("")}, {TagKey: aws.String("b"), TagValue: aws.String("2")},
		},
	}); err != nil {
		t.Error(err)
	}
	wantTags("a= b=2")
	if _, err := c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"a", "none"}}); err != nil &&
		exact {
		t.Error(err)
	}
	if exact {
		wantTags("b=2")
	}
	_, err = c.TagResource(ctx, &kms.TagResourceInput{
		KeyId: id, Tags: []types.Tag{{TagKey: aws.String("aws:a"), TagValue: aws.String("")}},
	})
	if exact {
		fails("a tag of AWS's", "TagException", err)
	}

	rotates := func(want bool) {
		t.Helper()
		status, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
		if err != nil || status.KeyRotationEnabled != want {
			t.Fatalf("rotation: %+v, %v", status, err)
		}
		if exact && (*status.KeyId != *id || want != (status.NextRotationDate != nil) ||
			want && *status.RotationPeriodInDays != 365) {
			t.Errorf("rotation: %+v", status)
		}
	}
	rotates(false)
	if _, err := c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id}); err != nil {
		t.Error(err)
	}
	rotates(true)
	if _, err := c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: id}); err != nil {
		t.Error(err)
	}
	rotates(false)
	if _, err := c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id}); err != nil {
		t.Error(err)
	}
	rotations, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: id})
	if err != nil || len(rotations.Rotations) != 1 ||
		rotations.Rotations[0].RotationType != types.RotationTypeOnDemand ||
		rotations.Rotations[0].RotationDate == nil {
		t.Errorf("rotations: %+v, %v", rotations, err)
	}

	random, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
	if err != nil || len(random.Plaintext) != 32 {
		t.Errorf("GenerateRandom: %v", err)
	}
	_, err = c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1025)})
	fails("too much", "ValidationException", err)

	other, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	alias := aws.String("alias/moves")
	if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateAlias(ctx, &kms.UpdateAliasInput{
		AliasName:   alias,
		TargetKeyId: other.KeyMetadata.KeyId,
	}); err != nil {
		t.Error(err)
	}
	if described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: alias}); err != nil ||
		*described.KeyMetadata.KeyId != *other.KeyMetadata.KeyId {
		t.Errorf("a moved alias: %v", err)
	}
	if exact {
		_, err = c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: aws.String("alias/none"), TargetKeyId: id})
		fails("an alias that isn't there", "NotFoundException", err)
	}

	grantee := aws.String("arn:aws:iam::" + account + ":user/worker")
	granted, err := c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: grantee,
		RetiringPrincipal: aws.String("arn:aws:iam::" + account + ":user/" + accessKey), Name: aws.String("job"),
		Operations: []types.GrantOperation{"Decrypt", "GenerateDataKey"}, Constraints: &types.GrantConstraints{
			EncryptionContextSubset: map[string]string{"a": "b"},
		},
	})
	if err != nil || *granted.GrantId == "" || *granted.GrantToken == "" {
		t.Fatalf("CreateGrant: %v", err)
	}
	listed, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id})
	if err != nil || len(listed.Grants) != 1 {
		t.Fatalf("ListGrants: %v", err)
	}
	g := listed.Grants[0]
	if *g.GrantId != *granted.GrantId || *g.GranteePrincipal != *grantee || *g.Name != "job" ||
		len(g.Operations) != 2 || g.Constraints.EncryptionContextSubset["a"] != "b" ||
		exact && (*g.KeyId != *arn || *g.IssuingAccount != "arn:aws:iam::"+account+":root" || g.CreationDate == nil) {
		t.Errorf("the grant: %+v", g)
	}
	retirable, err := c.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: g.RetiringPrincipal})
	if err != nil || len(retirable.Grants) != 1 {
		t.Errorf("ListRetirableGrants: %v", err)
	}
	if _, err := c.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: granted.GrantToken}); err != nil {
		t.Error(err)
	}
	again, err := c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: grantee, Operations: []types.GrantOperation{"Decrypt"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: again.GrantId}); err != nil {
		t.Error(err)
	}
	if listed, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id}); err != nil || len(listed.Grants) != 0 {
		t.Errorf("ended grants are listed: %v", err)
	}
}

func codeOfDescribe(t *testing.T, c *kms.Client, id *string) string {
	_, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})
	return code(t, err)
}

// A key whose rotation is enabled is rotated when it is due, once for however many periods nobody looked.
func TestKeysRotateByThemselves(t *testing.T) { keysRotateByThemselves(t, embedded) }

func keysRotateByThemselves(t *testing.T, p place) {
	now, o := &clock{}, p.options(t)
	o.Now = now.now
	url := serve(t, open(t, o))
	c := kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1, HTTPSignerV4: shiftedSigner{now.now},
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	ctx := t.Context()
	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	sealed, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: "AES_256"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.EnableKeyRotation(ctx,
		&kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: aws.Int32(89)}); code(
		t, err) != "ValidationException" {
		t.Error(err)
	}
	if _, err := c.EnableKeyRotation(ctx,
		&kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: aws.Int32(90)}); err != nil {
		t.Fatal(err)
	}
	rotated := func() (kinds []string, ids map[string]bool) {
		t.Helper()
		out, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{
			KeyId: id, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial,
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = make(map[string]bool)
		for i, r := range out.Rotations {
			kinds = append(kinds, string(r.RotationType))
			ids[*r.KeyMaterialId] = true
			if current := r.KeyMaterialState == types.KeyMaterialStateCurrent; current != (i == len(out.Rotations)-1) {
				t.Errorf("material %d is %s", i, r.KeyMaterialState)
			}
		}
		if len(ids) != len(kinds) {
			t.Errorf("materials share an id: %v", out.Rotations)
		}
		return kinds, ids
	}
	for _, c := range []struct {
		days int
		want []string
	}{
		{89, []string{""}},
		{2, []string{"", "AUTOMATIC"}},
		{400, []string{"", "AUTOMATIC", "AUTOMATIC"}},
		{1, []string{"", "AUTOMATIC", "AUTOMATIC"}},
	} {
		now.advance(time.Duration(c.days) * 24 * time.Hour)
		if got, _ := rotated(); !slices.Equal(got, c.want) {
			t.Errorf("%d days later: %q, want %q", c.days, got, c.want)
		}
	}
	status, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
	if err != nil || !status.NextRotationDate.After(now.now()) ||
		status.NextRotationDate.After(now.now().AddDate(0, 0, 90)) || *status.RotationPeriodInDays != 90 {
		t.Errorf("the next rotation: %+v, %v", status, err)
	}
	if opened, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); err != nil ||
		!reflect.DeepEqual(opened.Plaintext, sealed.Plaintext) {
		t.Errorf("what was sealed before: %v", err)
	}
	// A disabled key waits until it is enabled; one pending deletion says that it doesn't rotate.
	if _, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	now.advance(100 * 24 * time.Hour)
	if got, _ := rotated(); len(got) != 3 {
		t.Errorf("a disabled key rotated: %q", got)
	}
	if _, err := c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: id}); code(
		t, err) != "DisabledException" {
		t.Error(err)
	}
	if _, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if got, _ := rotated(); len(got) != 4 {
		t.Errorf("a key that was enabled again: %q", got)
	}
	if _, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if status, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id}); err != nil ||
		status.KeyRotationEnabled {
		t.Errorf("pending deletion: %+v, %v", status, err)
	}
	for _, spec := range []types.KeySpec{"RSA_2048", "HMAC_256"} {
		usage := map[types.KeySpec]types.KeyUsageType{
			"RSA_2048": "SIGN_VERIFY",
			"HMAC_256": "GENERATE_VERIFY_MAC",
		}[spec]
		made, err := c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: spec, KeyUsage: usage})
		if err != nil {
			t.Fatal(err)
		}
		if status, err := c.GetKeyRotationStatus(
			ctx, &kms.GetKeyRotationStatusInput{KeyId: made.KeyMetadata.KeyId}); err != nil ||
			status.KeyRotationEnabled {
			t.Errorf("%s: %+v, %v", spec, status, err)
		}
		if _, err := c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: made.KeyMetadata.KeyId}); code(
			t, err) != "UnsupportedOperationException" {
			t.Errorf("%s: %v", spec, err)
		}
	}
}

// The last use of a key is reported, by a service that has it from the file, too.
func TestLastUsage(t *testing.T) { lastUsage(t, embedded) }

func lastUsage(t *testing.T, p place) {
	o := p.options(t)
	url, ctx := serve(t, open(t, o)), t.Context()
	c := client(url, accessKey, secretKey)
	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	last := func(c *kms.Client) (operation string, at *time.Time) {
		t.Helper()
		out, err := c.GetKeyLastUsage(ctx, &kms.GetKeyLastUsageInput{KeyId: id})
		if err != nil || *out.KeyId != *id || !out.KeyCreationDate.Equal(*made.KeyMetadata.CreationDate) ||
			out.TrackingStartDate == nil || out.KeyLastUsage == nil {
			t.Fatalf("%+v, %v", out, err)
		}
		return string(out.KeyLastUsage.Operation), out.KeyLastUsage.Timestamp
	}
	if operation, at := last(c); operation != "" || at != nil {
		t.Errorf("a new key was used: %s %v", operation, at)
	}
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("text")})
	if err != nil {
		t.Fatal(err)
	}
	if operation, at := last(c); operation != "Encrypt" || at == nil {
		t.Errorf("after Encrypt: %s %v", operation, at)
	}
	if _, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Decrypt(ctx, &kms.DecryptInput{
		CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: map[string]string{"a": "b"},
	})
	if code(t, err) != "InvalidCiphertextException" {
		t.Error(err)
	}
	_, _ = c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: "AES_256", DryRun: aws.Bool(true)})
	if operation, _ := last(c); operation != "Decrypt" {
		t.Errorf("after Decrypt, and what failed: %s", operation)
	}
	other := client(serve(t, open(t, o)), accessKey, secretKey)
	// the use doesn't wait for the record
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		operation, _ := last(other)
		if operation == "Encrypt" {
			break
		}
		if operation != "" || time.Now().After(deadline) {
			t.Fatalf("a service that has only the record: %q", operation)
		}
	}
}

// What KMS refuses of tags, and what has a meaning here.
func TestTagsOfKeys(t *testing.T) { tagsOfKeys(t, embedded) }

func tagsOfKeys(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	id, _ := made(t, url, `{}`)
	var many []string
	for i := range 51 {
		many = append(many, fmt.Sprintf(`{"TagKey":"k%d","TagValue":""}`, i))
	}
	for _, c := range []struct{ name, action, body, want string }{
		{"no tags", "TagResource", ``, "ValidationException"},
		{"no keys", "UntagResource", ``, "ValidationException"},
		{
			"a key twice", "TagResource", `,"Tags":[{"TagKey":"a","TagValue":"1"},{"TagKey":"a","TagValue":"2"}]`,
			"TagException",
		},
		{"an empty key", "TagResource", `,"Tags":[{"TagKey":"","TagValue":"1"}]`, "ValidationException"},
		{
			"a long key", "TagResource", `,"Tags":[{"TagKey":"` + strings.Repeat("ä", 129) + `","TagValue":"1"}]`,
			"ValidationException",
		},
		{
			"a long value", "TagResource", `,"Tags":[{"TagKey":"a","TagValue":"` + strings.Repeat("ä", 257) + `"}]`,
			"ValidationException",
		},
		{
			"the longest", "TagResource", `,"Tags":[{"TagKey":"` + strings.Repeat("ä", 128) + `","TagValue":"` +
				strings.Repeat("ä", 256) + `"}]`, "",
		},
		{"more than fifty", "TagResource", `,"Tags":[` + strings.Join(many, ",") + `]`, "LimitExceededException"},
		{
			"a key's account", "TagResource", `,"Tags":[{"TagKey":"sealfront:account","TagValue":"210987654321"}]`,
			"TagException",
		},
		{"a key's account, away", "UntagResource", `,"TagKeys":["sealfront:account"]`, "TagException"},
		{"an alias for a key", "ListResourceTags", `x`, "NotFoundException"},
	} {
		body := `{"KeyId":"` + id + `"` + c.body + `}`
		if c.body == "x" {
			body = `{"KeyId":"alias/none"}`
		}
		if _, failure, answer := call(t, url, c.action, body); failure != c.want {
			t.Errorf("%s: %v, want %q", c.name, answer, c.want)
		}
	}
	if _, failure, _ := call(t, url, "ScheduleKeyDeletion", `{"KeyId":"`+id+`"}`); failure != "" {
		t.Fatal(failure)
	}
	for _, action := range []string{
		"TagResource", "UntagResource", "UpdateKeyDescription", "CreateGrant", "EnableKeyRotation",
	} {
		body := `{"KeyId":"` + id +
			`","Tags":[],"TagKeys":[],"GranteePrincipal":"arn:aws:iam::123456789012:user/a","Operations":["Decrypt"]}`
		if _, failure, _ := call(t, url, action, body); failure != "KMSInvalidStateException" {
			t.Errorf("%s of a key pending deletion: %q", action, failure)
		}
	}
}
