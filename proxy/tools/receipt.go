package tools

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"sealfront/crypto/durable"
)

// A Receipt says what became of a KMS key that was to open nothing any more, and what of that is shown. It is a line of
// a file:
//
//	{"receipt":BODY,"signature":"BASE64"}
//
// The signature is Ed25519 over the bytes of BODY as they stand, in which previous is the SHA-256 of the line before,
// without its line feed. So no line can be changed, left out before another, or put elsewhere.
type Receipt struct {
	Kind      string    `json:"kind"` // ReceiptKind
	Number    int       `json:"number"`
	Previous  string    `json:"previous"`  // hexadecimal; "" in the first
	PublicKey string    `json:"publicKey"` // base64, 32 bytes: which key signs, not that it is trusted
	KMSKey    string    `json:"kmsKey"`
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended"`
	Host      string    `json:"host"` // where the command ran
	Version   string    `json:"version"`

	Key        KeyEnd             `json:"key"`
	Revocation Revocation         `json:"revocation"`
	Replicas   []ConfirmedReplica `json:"replicas"`
	Reads      []TriedRead        `json:"reads"`
	Dependents []*Dependent       `json:"dependents"`
	Unproven   []string           `json:"unproven"`
}

// ReceiptKind is what a receipt is, with the version of its form.
const ReceiptKind = "sealfront shred receipt 1"

// KeyEnd is what KMS did with the key.
type KeyEnd struct {
	Action       string    `json:"action"` // disabled, or deletion scheduled
	At           time.Time `json:"at"`
	State        string    `json:"state"` // as KMS says after it
	DeletionDate string    `json:"deletionDate,omitempty"`
}

// Revocation is what told the replicas to drop what they hold under the key.
type Revocation struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// ConfirmedReplica is a replica, and whether it has said that it acted on the revocation.
type ConfirmedReplica struct {
	ID        string    `json:"id"`
	Host      string    `json:"host"`
	Version   string    `json:"version"`
	Started   time.Time `json:"started"`
	Confirmed bool      `json:"confirmed"`
	At        string    `json:"at,omitempty"` // when this command saw it
	Why       string    `json:"why,omitempty"`
}

// A Ledger is a file of receipts and the key that signs the next one.
type Ledger struct {
	path     string
	key      ed25519.PrivateKey
	number   int // of receipts that there are
	previous string
}

// OpenLedger reads the signing key, PKCS #8 in PEM, which it makes with mode 0600 if the file is missing, next to a
// file .pub with the public one; and checks the receipts that there are. A file that ends within a line, or a receipt
// of another key or with another hash, is an error: a chain isn't continued over a gap.
func OpenLedger(path, keyFile string) (*Ledger, error) {
	key, err := signingKey(keyFile)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, key: key}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the receipts: %w", err)
	}
	for len(text) > 0 {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return nil, fmt.Errorf("%s ends within a line: look what it was, and take it out by hand", path)
		}
		text = rest
		r, err := l.check(line)
		if err != nil {
			return nil, fmt.Errorf("receipt %d in %s: %w", l.number+1, path, err)
		}
		l.number = r.Number
		l.previous = hashLine(line)
	}
	if err := durable.Append(path, nil); err != nil {
		return nil, fmt.Errorf("open the receipts: %w", err) // now, and not when the key is disabled
	}
	return l, nil
}

func hashLine(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

const (
	receiptBegin     = `{"receipt":`
	receiptSignature = `,"signature":"`
	receiptEnd       = `"}`
)

// check returns the receipt of a line that is the next one of this ledger.
func (l *Ledger) check(line []byte) (*Receipt, error) {
	body, ok := bytes.CutPrefix(line, []byte(receiptBegin))
	at := bytes.LastIndex(body, []byte(receiptSignature))
	if !ok || at < 0 || !bytes.HasSuffix(body, []byte(receiptEnd)) {
		return nil, errors.New("it is no receipt")
	}
	signature, err := base64.StdEncoding.DecodeString(string(body[at+len(receiptSignature) : len(body)-len(receiptEnd)]))
	body = body[:at]
	public := l.key.Public().(ed25519.PublicKey)
	if err != nil || !ed25519.Verify(public, body, signature) {
		return nil, errors.New("its signature isn't one of this signing key")
	}
	var r Receipt
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("it can't be read: %w", err)
	}
	if r.Kind != ReceiptKind || r.Number != l.number+1 || r.Previous != l.previous {
		return nil, errors.New("it doesn't follow the receipt before it")
	}
	return &r, nil
}

// Append signs r as the next receipt and writes it to the disk. It fills in what makes it a link of the chain.
func (l *Ledger) Append(r *Receipt) error {
	r.Kind, r.Number, r.Previous = ReceiptKind, l.number+1, l.previous
	r.PublicKey = base64.StdEncoding.EncodeToString(l.key.Public().(ed25519.PublicKey))
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return err
	}
	text := bytes.TrimRight(body.Bytes(), "\n")
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(l.key, text))
	line := []byte(receiptBegin + string(text) + receiptSignature + signature + receiptEnd)
	if err := durable.Append(l.path, append(line, '\n')); err != nil {
		return fmt.Errorf("write the receipt: %w", err)
	}
	l.number, l.previous = r.Number, hashLine(line)
	return nil
}

func signingKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSigningKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key in PEM", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read the signing key in %s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the signing key in %s isn't of Ed25519", path)
	}
	_ = showPublicKey(path, key) // the directory may be for reading only, and every receipt has it, too
	return key, nil
}

func makeSigningKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := durable.Create(path, func(w io.Writer) error {
		return pem.Encode(w, &pem.Block{Type: "PRIVATE KEY", Bytes: private})
	}); err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	return key, showPublicKey(path, key)
}

// showPublicKey writes the public half of the key in a file into FILE.pub, for everybody to read, unless it is there.
func showPublicKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if shown, err := os.ReadFile(path + ".pub"); err == nil && bytes.Equal(shown, text) {
		return nil
	}
	if err := os.WriteFile(path+".pub", text, 0o644); err != nil {
		return fmt.Errorf("write the public key: %w", err)
	}
	return nil
}
