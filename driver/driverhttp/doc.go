// Package driverhttp is the one safe way from a driver to a server over HTTP: clients of JSON-RPC, REST and XML-RPC are
// built on it, in this module and in vendors' own. It sends a request, reads the whole reply, and decides whether the
// request may be sent again. go-retryablehttp runs the loop; its default policy, which repeats every method after every
// failure, is not used, because it makes two snapshots where one was asked for.
//
//	c, err := driverhttp.New(driverhttp.Options{TLS: driverhttp.TLS{Pins: pins}, Env: env})
//	ctx = driverhttp.WithKind(ctx, driverhttp.Read)
//	volumes, err := driverhttp.Call(ctx, c, &driverhttp.Request{URL: url, Body: body}, decode)
//
// # Words
//
// A call is one [Client.Do] or [Call]. It makes one or more attempts, each of which sends the request at most once. A call
// is a [Read] or a [Mutation], which its context says by [WithKind]; a mutation is the default. The verdict on a reply is
// [Request.Check]'s, because wire protocols report failures in replies of status 200.
//
// # When a request is sent again
//
// A read is sent again after every failure that may pass: no connection, no reply or half of one, a reply that Check
// finds busy, unavailable, indeterminate or undecodable, and by default 429 and 5xx.
//
// A mutation is sent again in two cases only. First, when nothing of it was sent, nor ever will be: there was no
// connection (dialling or the TLS handshake failed), or a kept connection broke before the first byte. The connections
// count what is written to them, so this is known and not guessed. Second, when Check marked its error with [Resend]: the
// API's own word that it did nothing. No status does that by itself, see [CheckStatus].
//
// net/http repeats some requests by itself on a broken connection (a GET, or anything with an Idempotency-Key). For
// mutations this is prevented: a second connection refuses the bytes once the first has taken some. Redirects are never
// followed.
//
// The wait in between doubles, with jitter, and is at least what Retry-After asks for. If the wait does not end before the
// context's deadline, or the server asks for more than Options.MaxRetryAfter, the call fails at once and says why, with
// RetryAfter in the error. A kept connection that was dead is replaced without a wait.
//
// # Errors
//
// Every error is a *[driver.Error] with the request id. From the transport:
//
//   - ErrUnavailable: nothing was sent, also when the context ended before (the error wraps the context's); or a read got
//     no reply, which changed nothing either. A certificate that is not trusted is among these, and is not tried again.
//   - ErrIndeterminate: a mutation was sent, at least in part, and its reply was lost, cut off or too large, or the context
//     ended meanwhile.
//   - ErrInvalid: malformed address, plain http where it is not allowed, or a read whose reply is larger than MaxReply.
//
// From a reply: what Check says, completed with the request id and Retry-After; without Check, what CheckStatus says. An
// error of Check without a class is ErrIndeterminate for a mutation (the reply could not be understood) and
// ErrUnavailable for a read. From Prepare: its own class where that can be said of this request too, else ErrUnavailable.
// [driver.Canceled] is true only of the caller's context, never of Options.Timeout.
//
// # Secrets
//
// Logs and the package's own errors show the method, the address without user and without the query's values, and only the
// headers that are known to be harmless. What net/http, the system or the server's first line quote is searched for the
// request's own secrets. Bodies are shown only through a Scrub function. Errors of Check and Prepare are passed on as
// they are: who writes them answers for them.
//
// # Concurrency
//
// A [Client] may be used from many goroutines. At most Options.Requests attempts are under way; the others wait in the
// order in which they came, and stop waiting when their context ends. Nobody holds a place while waiting to try again.
// The functions in Options are called from many goroutines at once, those of a Request from the goroutine of its call.
package driverhttp
