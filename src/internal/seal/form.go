package seal

import "github.com/ipguard/ipguard/src/internal/lazyregexp"

// Form is the form of an id that a cloud gives a network: that a text has it tells that
// it is such an id, and not a name that somebody chose. A seal has the form of its text.
type Form byte

// The forms. They are digits in seals, below 16.
const (
	Freely Form = iota // anything else
	UUID
	AWSSubnet
	VSwitch
)

var forms = map[Form]lazyregexp.Regexp{
	UUID:      lazyregexp.New(`(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$`),
	AWSSubnet: lazyregexp.New(`(?i)^subnet-[0-9a-f]+$`),
	VSwitch:   lazyregexp.New(`(?i)^vsw-[0-9a-z]+$`),
}

// FormOf is the form of a text, or of the text that a seal stands for.
func FormOf(text string) Form {
	if Is(text) {
		return Form(text[length-1] - '0')
	}
	for form, has := range forms {
		if has().MatchString(text) {
			return form
		}
	}
	return Freely
}
