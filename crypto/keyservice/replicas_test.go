package keyservice_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

// desk is a service with a clock and a client that signs by it.
type desk struct {
	*kms.Client
	service *keyservice.Service
}

func newDesk(t *testing.T, o keyservice.Options) *desk {
	t.Helper()
	s := open(t, o)
	c := client(serve(t, s), accessKey, secretKey)
	if o.Now != nil {
		c = kms.New(kms.Options{
			Region: region, BaseEndpoint: c.Options().BaseEndpoint, RetryMaxAttempts: 1,
			Credentials: c.Options().Credentials, HTTPSignerV4: shiftedSigner{o.Now},
		})
	}
	return &desk{c, s}
}

func (d *desk) key(t *testing.T) (arn string, blob []byte) {
	t.Helper()
	arn, err := d.service.CreateKey(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("plain")})
	if err != nil {
		t.Fatal(err)
	}
	d.service.WaitForNotes() // a backup has them
	return arn, out.CiphertextBlob
}

func (d *desk) opens(t *testing.T, blob []byte) error {
	t.Helper()
	out, err := d.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
	if err == nil && string(out.Plaintext) != "plain" {
		t.Errorf("opened to %q", out.Plaintext)
	}
	return err
}

func TestAChangeHoldsAtAllReplicasWithinItsTime(t *testing.T) {
	aChangeHoldsAtAllReplicasWithinItsTime(t, embedded)
}

func aChangeHoldsAtAllReplicasWithinItsTime(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	o := replica(m, root)
	o.Now = now.now
	a, b := newDesk(t, o), newDesk(t, o)
	arn, blob := a.key(t)
	if err := b.opens(t, blob); err != nil {
		t.Fatal(err)
	}
	if _, err := a.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	if err := a.opens(t, blob); code(t, err) != "DisabledException" {
		t.Errorf("where it was disabled: %v", err)
	}
	if d, err := b.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn}); err != nil ||
		d.KeyMetadata.KeyState != types.KeyStateDisabled {
		t.Errorf("descriptions are always new: %v", err)
	}
	now.advance(5 * time.Second)
	if err := b.opens(t, blob); code(t, err) != "DisabledException" {
		t.Errorf("five seconds later: %v", err)
	}
	if _, err := a.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	now.advance(time.Second)
	if err := b.opens(t, blob); err != nil {
		t.Errorf("refusals rest on records that are at most a second old: %v", err)
	}
}

func TestNothingIsLostBetweenReplicas(t *testing.T) { nothingIsLostBetweenReplicas(t, embedded) }

func nothingIsLostBetweenReplicas(t *testing.T, p place) {
	m, root := newMemory(), p.root(t)
	var desks []*desk
	for range 3 {
		desks = append(desks, newDesk(t, replica(m, root)))
	}
	arn, _ := desks[0].key(t)
	var all sync.WaitGroup
	for i, d := range desks {
		for n := range 5 {
			all.Go(func() {
				_, err := d.TagResource(t.Context(), &kms.TagResourceInput{
					KeyId: &arn, Tags: []types.Tag{{TagKey: aws.String(fmt.Sprintf("%d-%d", i, n)), TagValue: aws.String("v")}},
				})
				if err != nil {
					t.Error(err)
				}
				if n == 0 {
					if _, err := d.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &arn}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	won := make([]error, len(desks))
	for i, d := range desks {
		all.Go(func() {
			_, won[i] = d.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/one"), TargetKeyId: &arn})
		})
	}
	all.Wait()
	made := 0
	for _, err := range won {
		switch code(t, err) {
		case "":
			made++
		case "AlreadyExistsException":
		default:
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("one alias was made %d times", made)
	}
	for _, d := range desks {
		tags, err := d.ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: &arn})
		if err != nil || len(tags.Tags) != 15 {
			t.Errorf("%d tags, %v", len(tags.Tags), err)
		}
		rotations, err := d.ListKeyRotations(t.Context(), &kms.ListKeyRotationsInput{KeyId: &arn})
		if err != nil || len(rotations.Rotations) != 3 {
			t.Errorf("%d rotations, %v", len(rotations.Rotations), err)
		}
	}
}

// With its root away a service opens what is warm until its life ends, and nothing after a restart.
func TestARootThatIsAway(t *testing.T) { aRootThatIsAway(t, embedded) }

func aRootThatIsAway(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	var mu sync.Mutex
	var seen []keyservice.Call
	o := replica(m, root)
	o.Now, o.Lifetime = now.now, 5*time.Minute
	o.Observer.Call = func(c keyservice.Call) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, c)
	}
	d := newDesk(t, o)
	_, blob := d.key(t)
	_, cold := newDesk(t, o).key(t)
	root.take(errors.New("the HSM is on fire"))
	if err := d.opens(t, blob); err != nil {
		t.Errorf("warm: %v", err)
	}
	if err := d.opens(t, cold); code(t, err) != "KMSInternalException" {
		t.Errorf("cold: %v", err)
	}
	mu.Lock()
	last := seen[len(seen)-1]
	mu.Unlock()
	if !errors.Is(last.Err, keyservice.ErrRoot) || last.Code != "KMSInternalException" || last.Action != "Decrypt" {
		t.Errorf("observed %+v", last)
	}
	if _, err := d.CreateKey(t.Context(), &kms.CreateKeyInput{}); code(t, err) != "KMSInternalException" {
		t.Errorf("CreateKey: %v", err)
	}
	now.advance(5*time.Minute - 2*time.Second)
	if err := d.opens(t, blob); err != nil {
		t.Errorf("two seconds before the end: %v", err)
	}
	now.advance(2 * time.Second)
	if err := d.opens(t, blob); code(t, err) != "KMSInternalException" {
		t.Errorf("at the end: %v", err)
	}
	restarted := newDesk(t, o)
	for _, b := range [][]byte{blob, cold} {
		if err := restarted.opens(t, b); code(t, err) != "KMSInternalException" {
			t.Errorf("after a restart: %v", err)
		}
	}
	root.take(nil)
	now.advance(time.Second) // it was left alone for so long
	for _, d := range []*desk{d, restarted} {
		for _, b := range [][]byte{blob, cold} {
			if err := d.opens(t, b); err != nil {
				t.Errorf("back: %v", err)
			}
		}
	}
}

func TestARootThatHangsIsATimeout(t *testing.T) { aRootThatHangsIsATimeout(t, embedded) }

func aRootThatHangsIsATimeout(t *testing.T, p place) {
	m, root := newMemory(), p.root(t)
	_, blob := newDesk(t, replica(m, root)).key(t)
	root.take(fmt.Errorf("no answer: %w", context.DeadlineExceeded))
	if err := newDesk(t, replica(m, root)).opens(t, blob); code(t, err) != "DependencyTimeoutException" {
		t.Errorf("got %v", err)
	}
}

// Whatever hangs behind a root that has failed, it is called once a second, and a key in use is unwrapped ahead of its
// end by one call.
func TestARootIsCalledSeldom(t *testing.T) { aRootIsCalledSeldom(t, embedded) }

func aRootIsCalledSeldom(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	o := replica(m, root)
	o.Now, o.Lifetime = now.now, 5*time.Minute
	d := newDesk(t, o)
	_, blob := d.key(t)
	before := root.count()
	for range 10 {
		now.advance(25 * time.Second)
		if err := d.opens(t, blob); err != nil {
			t.Fatal(err)
		}
	}
	if n := root.count() - before; n > 1 {
		t.Errorf("%d calls in 250 seconds", n)
	}
	root.take(errors.New("away"))
	cold := newDesk(t, o)
	before = root.count()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := cold.opens(t, blob); code(t, err) != "KMSInternalException" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := root.count() - before; n != 1 {
		t.Errorf("%d calls of a root that is away", n)
	}
}

func TestSeveralRoots(t *testing.T) { severalRoots(t, embedded) }

func severalRoots(t *testing.T, p place) {
	m, old, fresh := newMemory(), p.root(t), p.root(t)
	_, first := newDesk(t, replica(m, old)).key(t)
	both := newDesk(t, replica(m, fresh, old))
	_, second := both.key(t)
	if err := both.opens(t, first); err != nil {
		t.Error(err)
	}
	old.take(errors.New("away"))
	alone := newDesk(t, replica(m, fresh))
	if err := alone.opens(t, second); err != nil {
		t.Errorf("the other root's absence doesn't matter: %v", err)
	}
	if err := alone.opens(t, first); code(t, err) != "KMSInternalException" {
		t.Errorf("a root that isn't configured: %v", err)
	}
}

// What is known of a store that lies: a state that this service has seen can't be replaced by an older one, nor vanish.
func TestRollbackIsNoticed(t *testing.T) { rollbackIsNoticed(t, embedded) }

func rollbackIsNoticed(t *testing.T, p place) {
	now, m, root := &clock{}, newMemory(), p.root(t)
	o := replica(m, root)
	o.Now = now.now
	d := newDesk(t, o)
	arn, blob := d.key(t)
	var before map[string]object
	m.set(func(all map[string]object) { before = maps.Clone(all) })
	if _, err := d.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	m.set(func(all map[string]object) { maps.Copy(all, before) })
	if err := d.opens(t, blob); code(t, err) != "KMSInternalException" {
		t.Errorf("an old state: %v", err)
	}
	m.set(func(all map[string]object) { clear(all) })
	if err := d.opens(t, blob); code(t, err) != "KMSInternalException" {
		t.Errorf("no state: %v", err)
	}
	m.set(func(all map[string]object) { maps.Copy(all, before) })
	if err := newDesk(t, o).opens(t, blob); err != nil { // the documented limit
		t.Errorf("a service that has seen nothing newer: %v", err)
	}
}

// The answer to a write gets lost: what was written counts, and what wasn't is an error.
func TestLostAnswers(t *testing.T) { lostAnswers(t, embedded) }

func lostAnswers(t *testing.T, p place) {
	m, root := newMemory(), p.root(t)
	d := newDesk(t, replica(m, root))
	arn, _ := d.key(t)
	lost := errors.New("connection reset")
	for _, after := range []bool{true, false} {
		m.set(func(map[string]object) {
			m.fail = func(call, _ string) (bool, error) {
				if call == "Put" {
					return after, lost
				}
				return false, nil
			}
		})
		_, err := d.UpdateKeyDescription(t.Context(), &kms.UpdateKeyDescriptionInput{
			KeyId: &arn, Description: aws.String(fmt.Sprint(after)),
		})
		if (err == nil) != after {
			t.Errorf("carried out %v: %v", after, err)
		}
		m.set(func(map[string]object) { m.fail = nil })
		out, err := d.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn})
		if err != nil || *out.KeyMetadata.Description != "true" {
			t.Errorf("described as %v, %v", out, err)
		}
	}
}
