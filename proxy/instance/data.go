package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"sealfront/crypto/durable"
)

// Data is the directory of the embedded parts. Its contents persist between starts.
//
//	lock          held by the program that serves from here; its process id
//	data.json     credentials and key names (0600)
//	exports       what the last start exported (0600)
//	tls/          certificate authority: ca.pem, readable by all, and its key (0600)
//	store/        the embedded store
//	kms/          the embedded key service
type Data struct {
	path string
	lock *os.File
	dataFile
}

// dataFile is data.json.
type dataFile struct {
	AccessKey      string `json:"accessKey"`
	SecretKey      string `json:"secretKey"`
	StoreAccessKey string `json:"storeAccessKey"`
	StoreSecretKey string `json:"storeSecretKey"`
	ServiceKey     string `json:"serviceKey,omitempty"` // ARN, made by the embedded key service
	BucketKMSKey   string `json:"bucketKmsKey,omitempty"`
	// Regions are those that it was served for, the last one at the end. ARNs of buckets and keys hold their own region.
	Regions []string `json:"regions,omitempty"`
}

// openData opens or makes the directory and locks it: two programs must not serve one store's files.
func openData(path string) (*Data, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer func() { _ = lock.Close() }()
		return nil, fmt.Errorf("the data directory %s is in use by another sealfront%s, or choose another with --data",
			path, holder(lock))
	}
	if err := noteHolder(lock); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("write the process id to the lock of the data directory: %w", err)
	}
	d := &Data{path: path, lock: lock}
	err = d.read()
	if errors.Is(err, fs.ErrNotExist) {
		d.AccessKey, d.SecretKey = newCredentials()
		d.StoreAccessKey, d.StoreSecretKey = newCredentials()
		err = d.save()
	}
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return d, nil
}

// noteHolder writes this process's id to the lock that it holds.
func noteHolder(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder is what a message says of the process that holds the lock, and how to end it.
func holder(lock *os.File) string {
	text := make([]byte, 16)
	n, _ := lock.ReadAt(text, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n])))
	if err != nil || pid <= 0 { // an earlier release's, which noted none
		return ": stop it"
	}
	return fmt.Sprintf(", process %d: stop it (kill %d)", pid, pid)
}

// ShareData opens the directory of a program that may be running: store and key service have their data in files, which
// several processes may use.
func ShareData(path string) (*Data, error) {
	d := &Data{path: path}
	if err := d.read(); err != nil {
		return nil, fmt.Errorf("%w: %s is no data directory of sealfront, or nothing was ever served from it", err, path)
	}
	return d, nil
}

// regions are Regions, or, where an earlier release recorded none, those of the keys, which are as old as the
// directory.
func (d *dataFile) regions() []string {
	if fields := strings.Split(d.ServiceKey, ":"); len(d.Regions) == 0 && len(fields) > 3 {
		return []string{fields[3]}
	}
	return d.Regions
}

func (d *dataFile) earlierRegions(now string) []string {
	return slices.DeleteFunc(slices.Clone(d.regions()), func(r string) bool { return r == now })
}

// noteRegion records which region is served, and returns the one at the last start if that differs.
func (d *Data) noteRegion(region string) (earlier string, err error) {
	if regions := d.regions(); len(regions) > 0 {
		earlier = regions[len(regions)-1]
	}
	if earlier == region {
		return "", nil
	}
	d.Regions = append(d.earlierRegions(region), region)
	return earlier, d.save()
}

// LastRegion is the region for which a data directory was served last; "" when it never was.
func LastRegion(path string) string {
	d := &Data{path: path}
	if d.read() != nil { // opening it reports the error
		return ""
	}
	regions := d.regions()
	if len(regions) == 0 {
		return ""
	}
	return regions[len(regions)-1]
}

func (d *Data) read() error {
	text, err := os.ReadFile(d.Join("data.json"))
	if err == nil {
		err = json.Unmarshal(text, &d.dataFile)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", d.Join("data.json"), err)
	}
	return nil
}

// Join is the path of a file in the directory.
func (d *Data) Join(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

// save writes data.json in one step.
func (d *Data) save() error {
	text, err := json.MarshalIndent(d.dataFile, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(d.Join("data.json"), append(text, '\n'))
}

// WriteFile replaces a file of the directory in one step, readable by its owner only.
func (d *Data) WriteFile(name string, content []byte) error {
	return durable.Replace(d.Join(name), content)
}

func (d *Data) close() error { return d.lock.Close() }
