package keyserver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/memstore"
)

// A step is a request about one subject: a key, or the name of an alias.
type step struct{ kind, subject, target string }

// A result is its answer. What has no answer, or an internal error, may have happened or not, then or later.
type result struct {
	code    string
	target  string // key id that an alias points to
	enabled bool
	count   int // rotations
}

func (r result) unknown() bool {
	return r.code == "unknown" || r.code == "KMSInternalException" || r.code == "DependencyTimeoutException"
}

// What a subject is: of a key whether it exists, is enabled and how often it was rotated; of an alias what it points
// to.
type subject struct {
	made    bool
	enabled bool
	count   int
	target  string
}

func (s subject) next(in step, out result) []any {
	var after []any
	if out.unknown() {
		after = append(after, s)
	}
	refused := out.code != "" && !out.unknown()
	when := func(ok bool, next subject) []any {
		if ok {
			return append(after, next)
		}
		return after
	}
	changed := s
	switch in.kind {
	case "CreateKey":
		return when(!refused, subject{made: true, enabled: true})
	case "DisableKey":
		changed.enabled = false
		return when(s.made && !refused, changed)
	case "EnableKey":
		changed.enabled = true
		return when(s.made && !refused, changed)
	case "RotateKeyOnDemand":
		if refused {
			return when(out.code == "DisabledException" && !s.enabled, s)
		}
		changed.count++
		return when(s.enabled, changed)
	case "DescribeKey":
		return when(!refused && (out.unknown() || s.made && s.enabled == out.enabled), s)
	case "ListKeyRotations":
		return when(!refused && (out.unknown() || s.count == out.count), s)
	case "CreateAlias":
		if refused {
			return when(out.code == "AlreadyExistsException" && s.target != "", s)
		}
		changed.target = in.target
		return when(s.target == "", changed)
	case "DeleteAlias":
		if refused {
			return when(out.code == "NotFoundException" && s.target == "", s)
		}
		changed.target = ""
		return when(s.target != "", changed)
	case "ResolveAlias":
		if refused {
			return when(out.code == "NotFoundException" && s.target == "", s)
		}
		return when(out.unknown() || s.target == out.target, s)
	}
	panic(in.kind)
}

func (r *replica) take(ctx context.Context, in step) (out result) {
	key := aws.String(in.subject)
	var err error
	switch in.kind {
	case "DisableKey":
		_, err = r.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key})
	case "EnableKey":
		_, err = r.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key})
	case "RotateKeyOnDemand":
		_, err = r.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key})
	case "DescribeKey":
		d, e := r.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key})
		if err = e; err == nil {
			out.enabled = d.KeyMetadata.Enabled
		}
	case "ListKeyRotations":
		l, e := r.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: key})
		if err = e; err == nil {
			out.count = len(l.Rotations)
		}
	case "CreateAlias":
		_, err = r.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: key, TargetKeyId: aws.String(in.target)})
	case "DeleteAlias":
		_, err = r.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: key})
	case "ResolveAlias":
		d, e := r.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key})
		if err = e; err == nil {
			out.target = *d.KeyMetadata.KeyId
		}
	}
	out.code = code(err)
	return out
}

// What callers of three replicas see of keys and aliases, while all change them at once, the store fails now and then,
// and one replica is killed, is what they would see if each request happened at one moment between it and its answer.
func TestReplicasAreLinearizable(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays for some seconds; run without -short")
	}
	store, root := memory(t), rootFile(t)
	var replicas []*replica
	for range 3 {
		c := overStore(t, "http://"+store.Address(), root)
		c.Limits.DrainTimeout = time.Millisecond // it is killed
		replicas = append(replicas, start(t, c))
	}
	began := time.Now()
	since := func() int64 { return int64(time.Since(began)) }
	reads := map[string]bool{"DescribeKey": true, "ListKeyRotations": true, "ResolveAlias": true}
	var killed atomic.Bool
	var mu sync.Mutex
	var history []porcupine.Operation
	note := func(client int, in step, out result, from int64) {
		to := since()
		if out.unknown() {
			if reads[in.kind] { // it says nothing
				return
			}
			to = 1 << 60
		}
		mu.Lock()
		defer mu.Unlock()
		history = append(history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: from, Return: to})
	}
	var keys []string
	for range 3 {
		from := since()
		made, err := replicas[0].CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, *made.KeyMetadata.KeyId)
		note(0, step{kind: "CreateKey", subject: *made.KeyMetadata.KeyId}, result{}, from)
	}
	store.Trouble(memstore.Trouble{P50: time.Millisecond, P99: 8 * time.Millisecond, ErrorRate: 0.02})
	kinds := []string{
		"DisableKey", "EnableKey", "RotateKeyOnDemand", "DescribeKey", "ListKeyRotations", "CreateAlias", "DeleteAlias",
		"ResolveAlias",
	}
	var all sync.WaitGroup
	const clients, steps = 9, 60
	for client := range clients {
		all.Go(func() {
			for n := range steps {
				in := step{kind: kinds[rand.IntN(len(kinds))], subject: keys[rand.IntN(len(keys))]}
				if in.kind == "CreateAlias" || in.kind == "DeleteAlias" || in.kind == "ResolveAlias" {
					in.target, in.subject = in.subject, fmt.Sprintf("alias/%d", rand.IntN(3))
				}
				if client == 0 && n == steps/2 {
					replicas[2].stop()
					killed.Store(true)
				}
				at := client % 3
				if at == 2 && killed.Load() { // requests in flight had no answer; later ones go to another
					at = client % 2
				}
				from := since()
				note(client, in, replicas[at].take(t.Context(), in), from)
			}
		})
	}
	all.Wait()
	store.Trouble(memstore.Trouble{})
	for _, key := range keys { // nothing is lost
		for _, kind := range []string{"DescribeKey", "ListKeyRotations"} {
			in, from := step{kind: kind, subject: key}, since()
			note(clients, in, replicas[1].take(t.Context(), in), from)
		}
	}
	model := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			by := make(map[string][]porcupine.Operation)
			for _, o := range history {
				by[o.Input.(step).subject] = append(by[o.Input.(step).subject], o)
			}
			var parts [][]porcupine.Operation
			for _, part := range by {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() []any { return []any{subject{}} },
		Step: func(state, in, out any) []any { return state.(subject).next(in.(step), out.(result)) },
	}
	unknown, changes := 0, 0
	for _, o := range history {
		if o.Output.(result).unknown() {
			unknown++
		} else if o.Output.(result).code == "" {
			changes++
		}
	}
	t.Logf("%d requests, %d succeeded, %d without an answer that says whether they happened", len(history), changes,
		unknown)
	if changes < len(history)/4 {
		t.Error("too few requests succeeded for the test to mean something")
	}
	if r := porcupine.CheckOperationsTimeout(model.ToModel(), history, 60*time.Second); r != porcupine.Ok {
		t.Errorf("the history is %v", r)
	}
}
