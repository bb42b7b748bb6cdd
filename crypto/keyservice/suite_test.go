package keyservice_test

import (
	"testing"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/awskms"
	"sealfront/crypto/keyroot/file"
	"sealfront/crypto/keyroot/roottest"
	"sealfront/crypto/keyroot/transit"
	"sealfront/crypto/keyservice"
	"sealfront/crypto/keyservice/folder"

	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// suite is what holds over every root. Its tests run by their names over the embedded key service, and by
// TestTheSuiteOverEveryRoot over the others. Not in it is what concerns the folder alone, or no key.
var suite = []struct {
	name string
	run  func(*testing.T, place)
}{
	{"same behaviour as another KMS", sameBehaviour},
	{"actions", actions},
	{"blobs are bound", blobsAreBound},
	{"against the SDK", againstTheSDK},
	{"what was sealed is sealed anew", reEncrypts},
	{"listings have pages", listingsHavePages},
	{"kinds of keys", kindsOfKeys},
	{"a key pending import stays so", aKeyPendingImportStaysSo},
	{"the key that AWS manages", theKeyThatAWSManages},
	{"key material is imported", keyMaterialIsImported},
	{"imported keys rotate", importedKeysRotate},
	{"key policies", keyPolicies},
	{"callers' policies", callersPolicies},
	{"grants that permit", grantsThatPermit},
	{"aliases go away", aliasesGoAway},
	{"tags of keys", tagsOfKeys},
	{"last usage", lastUsage},
	{"keys rotate by themselves", keysRotateByThemselves},
	{"rotated keys open what they sealed before", rotatedKeysOpenWhatTheySealedBefore},
	{"keys that do not rotate", keysThatDoNotRotate},
	{"deleted keys are gone", deletedKeysAreGone},
	{"nothing is lost between replicas", nothingIsLostBetweenReplicas},
	{"a change holds at all replicas within its time", aChangeHoldsAtAllReplicasWithinItsTime},
	{"a rollback is noticed", rollbackIsNoticed},
	{"lost answers", lostAnswers},
	{"a root that is away", aRootThatIsAway},
	{"a root that hangs is a timeout", aRootThatHangsIsATimeout},
	{"a root is called seldom", aRootIsCalledSeldom},
	{"several roots", severalRoots},
	{"verify finds every damage", verifyFindsEveryDamage},
	{"backup and restore", backupAndRestore},
	{"reroot goes on where it ended", rerootGoesOnWhereItEnded},
}

// A place is what the services of a test lie on.
type place struct {
	options func(testing.TB) keyservice.Options // of services over new keys; all with the same options share them
	root    func(testing.TB) *switchable        // a new root, with a key of its own
}

// embedded is the embedded key service, in a folder with a root key file.
var embedded = place{
	options: func(t testing.TB) keyservice.Options { return options(t.TempDir()) },
	root:    newRoot,
}

// overRoots is records that are changed as a bucket's, under a kind of root.
func overRoots(newKind func(testing.TB) keyroot.Root) place {
	root := func(t testing.TB) *switchable { return &switchable{Root: newKind(t)} }
	return place{root: root, options: func(t testing.TB) keyservice.Options {
		o := replica(newMemory(), root(t))
		o.RootTimeout = time.Minute // the machine may be loaded
		return o
	}}
}

// recordsOf are the records of services with o.
func recordsOf(t testing.TB, o keyservice.Options) keyservice.Records {
	t.Helper()
	if o.Records != nil {
		return o.Records
	}
	f, err := folder.Open(o.Dir + "/records")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// roots are the kinds of roots that the suite runs over. Each makes what its roots need once, and returns how to make
// one. Those of pkcs11 join them where the build has that tag.
var roots = map[string]func(*testing.T) func(testing.TB) keyroot.Root{
	"file":    fileRoots,
	"transit": transitRoots,
	"awskms of another key service": func(t *testing.T) func(testing.TB) keyroot.Root {
		return awskmsRoots(t, serve(t, open(t, options(t.TempDir()))))
	},
	"awskms of moto": func(t *testing.T) func(testing.TB) keyroot.Root { return awskmsRoots(t, moto(t)) },
}

func TestTheSuiteOverEveryRoot(t *testing.T) {
	for kind, prepare := range roots {
		t.Run(kind, func(t *testing.T) {
			if testing.Short() && kind == "awskms of moto" {
				t.Skip("it takes seconds to start")
			}
			if kind != "pkcs11" { // a module is the process's, and so are its settings
				t.Parallel()
			}
			p := overRoots(prepare(t))
			for _, c := range suite {
				t.Run(c.name, func(t *testing.T) { c.run(t, p) })
			}
		})
	}
}

func fileRoots(*testing.T) func(testing.TB) keyroot.Root {
	return func(t testing.TB) keyroot.Root {
		t.Helper()
		path := t.TempDir() + "/root.key"
		if err := file.Create(path); err != nil {
			t.Fatal(err)
		}
		r, err := file.Open(path)
		return opened(t, r, err)
	}
}

// transitRoots are keys of a real Vault's Transit, which is used with a token that may do no more than it must.
func transitRoots(t *testing.T) func(testing.TB) keyroot.Root {
	v := roottest.StartVault(t)
	token := v.Transit(t)
	return func(t testing.TB) keyroot.Root {
		t.Helper()
		r, err := transit.Open(transit.Config{
			Address: v.Address, Key: v.NewKey(t), Token: keyroot.Secret{Value: token}, Timeout: time.Minute,
			Warn: func(text string) { t.Log("warning: " + text) },
		})
		return opened(t, r, err)
	}
}

// awskmsRoots are keys of what answers as AWS KMS at url.
func awskmsRoots(_ *testing.T, url string) func(testing.TB) keyroot.Root {
	return func(t testing.TB) keyroot.Root {
		t.Helper()
		key, err := client(url, accessKey, secretKey).CreateKey(t.Context(), &kms.CreateKeyInput{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := awskms.Open(t.Context(), awskms.Config{
			KeyARN: *key.KeyMetadata.Arn, Endpoint: url, AccessKey: accessKey, SecretKey: keyroot.Secret{Value: secretKey},
			Timeout: time.Minute,
		})
		return opened(t, r, err)
	}
}

// opened closes a root when the test ends.
func opened[R keyroot.Root](t testing.TB, r R, err error) keyroot.Root {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
