package drills_test

import (
	"strings"
	"testing"
	"text/template"
)

// What becomes of programs in directory buckets: they work as in general purpose buckets, or are refused for a header
// that they send, by the proxy as by Amazon S3.
const (
	works    = "works"
	sendsMD5 = "Content-MD5"
	sendsACL = "x-amz-acl"
)

// A program is one that people put behind a gateway, as deploy/PROGRAMS.md has it.
type program struct {
	name      string
	settings  []settings
	directory string // works, or the header that it is refused for in a directory bucket
	drill     *drill // nil: see heldBy
	heldBy    string // the test that holds it, of package proxy, where it isn't a drill
}

// settings are a file of a program. Drills use it as the page shows it, with other values.
type settings struct {
	file     string // "environment" is read by a shell
	language string // of the page's block
	text     string // a template of a site
}

// A site is what a program has to know of the proxy.
type site struct {
	Endpoint, Host, Port, Bucket, AccessKey, Secret, CA, Region string
	Domain                                                      string // of names of buckets, with the port
	Dir                                                         string // of the program
	Directory                                                   bool   // the bucket is a directory bucket
}

// example is the site of the page.
var example = site{
	Endpoint: "https://s3.example.com", Host: "s3.example.com", Domain: "s3.example.com", Port: "443", Bucket: "backups",
	AccessKey: accessKey, Secret: "wJalrXUt…", CA: "/etc/ssl/sealfront-ca.pem", Region: region, Dir: "/var/lib/drill",
}

func (s *settings) render(at site) string {
	var out strings.Builder
	if err := template.Must(template.New(s.file).Option("missingkey=error").Parse(strings.TrimPrefix(s.text, "\n"))).
		Execute(&out, at); err != nil {
		panic(err)
	}
	return out.String()
}

// credentials are the identity of programs with an AWS SDK.
const sdkCredentials = `
export AWS_ACCESS_KEY_ID={{.AccessKey}} AWS_SECRET_ACCESS_KEY={{.Secret}}
export AWS_REGION={{.Region}} AWS_DEFAULT_REGION={{.Region}}
`

// environment is the settings of a program that takes them from the environment.
func environment(text string) []settings {
	return []settings{{"environment", "sh", sdkCredentials + strings.TrimPrefix(text, "\n")}}
}

// programs are those of the page, in its order.
var programs = []*program{
	postgres, barman, mariadb, litestream, victoriaMetrics,
	restic, duplicity, rclone, gitAnnex, s3backer,
	tofu, registry, aptRepository,
	gdal, samtools, curl, sdks,
}

func TestProgramsAreWhole(t *testing.T) {
	for _, p := range programs {
		if p.name == "" || len(p.settings) == 0 || (p.drill == nil) != (p.heldBy != "") || p.directory == "" {
			t.Errorf("%q isn't whole", p.name)
		}
		for _, s := range p.settings {
			if lines := strings.Count(s.render(example), "\n"); lines == 0 || lines > 25 {
				t.Errorf("%s: %s has %d lines", p.name, s.file, lines)
			}
		}
		if d := p.drill; d != nil &&
			(d.version == "" || d.write == "" || d.destroy == "" || d.restore == "" || d.compare == "") {
			t.Errorf("%s: its drill has no such step", p.name)
		}
	}
}
