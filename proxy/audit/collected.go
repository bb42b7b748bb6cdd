package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// A Chain is one that VerifyCollected found: what one start of a program sent.
type Chain struct {
	Begin   string // hash of its first record
	Records int    // without those that came twice
	Hash    string // of the last one
	Ended   bool   // by its event stop; otherwise the program still runs, or its end is missing
}

// VerifyCollected reads files of what receivers of streams and sockets have collected: lines of any number of chains,
// in each chain's order, mixed with one another's and with other lines, such as those of syslog, which are passed over;
// in front of a record other text may stand. Records that came twice in one batch or over two connections count once.
// It returns a *Broken for the first record that doesn't continue its chain. expect, unless empty, is a hash that must
// occur.
func VerifyCollected(expect string, files ...string) ([]Chain, error) {
	c := &collected{expect: expect}
	for _, name := range files {
		if err := c.file(name); err != nil {
			return c.found(), err
		}
	}
	if last := files[len(files)-1]; len(c.chains) == 0 {
		return nil, &Broken{last, 0, "no chain of an audit log begins in it"}
	} else if expect != "" && !c.expected {
		return c.found(), &Broken{last, 0, "no record has the expected hash " + expect}
	}
	return c.found(), nil
}

type collected struct {
	expect   string
	expected bool
	chains   []*collectedChain
}

type collectedChain struct {
	Chain
	at     link
	recent map[digest]bool // of the last records, which may be sent again
	order  []digest        // of recent
}

// resent is how many of a chain's last records may come again: those of a batch, and two of the log's own.
const resent = batchSize + 2

func (c *collected) found() (list []Chain) {
	for _, chain := range c.chains {
		list = append(list, chain.Chain)
	}
	return list
}

func (c *collected) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 64<<10)
	for line := 1; ; line++ {
		text, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if i := bytes.Index(text, []byte(linePrefix)); i >= 0 && bytes.HasSuffix(text, []byte("\n")) {
			if why := c.line(bytes.TrimRight(text[i:], "\r\n")); why != "" {
				return &Broken{name, line, why}
			}
		}
		if err != nil {
			return nil // what is behind the last line's end is being written
		}
	}
}

// line finds the chain that a line continues or begins, and returns why there is none.
func (c *collected) line(text []byte) (why string) {
	hash, record, head, err := parseLine(text)
	if err != nil {
		return err.Error()
	}
	c.expected = c.expected || hash.String() == c.expect
	for _, chain := range c.chains {
		if chain.recent[hash] {
			return ""
		}
	}
	chain := c.chainOf(hash, record, head)
	if chain == nil {
		return fmt.Sprintf("record %d continues no chain: it was changed, or what was sent before it is missing", head.Seq)
	}
	chain.at = link{head.Seq, hash}
	chain.Records++
	chain.Hash, chain.Ended = hash.String(), head.Event == "stop"
	if len(chain.order) == resent {
		delete(chain.recent, chain.order[0])
		chain.order = chain.order[1:]
	}
	chain.recent[hash] = true
	chain.order = append(chain.order, hash)
	return ""
}

func (c *collected) chainOf(hash digest, record []byte, head recordHead) *collectedChain {
	for _, chain := range c.chains {
		if chain.at.Seq+1 == head.Seq && !chain.Ended && chain.at.next(record) == hash {
			return chain
		}
	}
	if start := (&link{}); head.Event != "begin" || head.Seq != 1 || head.Previous != start.Hash ||
		start.next(record) != hash {
		return nil
	}
	chain := &collectedChain{Chain: Chain{Begin: hash.String()}, recent: make(map[digest]bool)}
	c.chains = append(c.chains, chain)
	return chain
}
