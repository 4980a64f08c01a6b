package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
)

// The parts of JUnit's XML that CI systems agree on. There is no standard; the
// names are those of the Ant task, as Jenkins and GitLab read them.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Failure   *junitProblem `xml:"failure"`
		Error     *junitProblem `xml:"error"`
		SystemOut *junitText    `xml:"system-out"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
	junitProblem struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",cdata"`
	}
)

// writeJUnit makes a test case of every finding: one that failed if the finding
// fails the run, else one that passed with output, because JUnit knows no
// warnings. What could not be read or decided is a test case with an error. A
// run without anything to say is one test case that passed.
func writeJUnit(w io.Writer, result lint.Result, options Options) error {
	options.Color, options.Width = false, 0
	failOn := cmp.Or(options.FailOn, lint.Error)
	suite := junitSuite{Name: "ipguard"}
	text := newTextReport(result, options)
	for _, f := range result.Findings {
		text.out.Reset()
		text.finding(f)
		of := 1
		if f.More != nil {
			of += f.More.Findings
		}
		suite.add(newJUnitCase(f, text.out.String(), failOn), of)
	}
	for _, f := range result.Failures {
		text.out.Reset()
		text.failure(f)
		c := junitCase{ClassName: "failure", Name: located(position(f.At), legible.Text(f.Message)), File: legible.Text(f.At.File), Line: f.At.Line}
		c.Error = &junitProblem{"failure", legible.Text(f.Message), text.out.String()}
		suite.add(c, 1)
	}
	if len(suite.Cases) == 0 {
		suite.add(junitCase{ClassName: "ipguard", Name: "no findings"}, 1)
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := w.Write(out.Bytes())
	return err
}

// add adds a case that stands for as many findings as are not shown, and itself.
func (s *junitSuite) add(c junitCase, of int) {
	s.Cases = append(s.Cases, c)
	s.Tests += of
	if c.Failure != nil {
		s.Failures += of
	}
	if c.Error != nil {
		s.Errors += of
	}
}

func newJUnitCase(f lint.Finding, text string, failOn lint.Severity) junitCase {
	c := junitCase{ClassName: legible.Text(f.Rule), Name: legible.Text(f.Told())}
	if main, _, ok := mainParty(f); ok {
		c.Name = located(position(main.At), c.Name)
		c.File, c.Line = legible.Text(main.At.File), main.At.Line
	}
	if f.Severity < failOn {
		c.SystemOut = &junitText{text}
		return c
	}
	c.Failure = &junitProblem{f.Severity.String(), legible.Text(f.Told()), text}
	return c
}
