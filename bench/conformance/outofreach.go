package conformance

// outOfReach are the ids that nobody can bring about from outside, and why. They are printed with the summary.
var outOfReach = map[string]string{
	"SE-2": "tried with SE-1, on the same expired session",
	"KE-6": "a client can't make the key service throttle; the program's own tests put a faulty one behind it",
	"KE-7": "a client can't make the key service fail or stop answering; the program's own tests put a faulty one " +
		"behind it",
	"KE-8": "a client can't damage what is stored; the program's own tests alter it in the store",
	"KE-9": "no call that is made can be answered so",
}
