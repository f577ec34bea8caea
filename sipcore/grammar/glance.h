// What is told of a message by a look at some of its lines, before anything that costs is done for
// it: in a flood this is all that is done. Nothing is checked; the parser agrees wherever it
// accepts the message.
#pragma once

#include <string_view>

namespace sipcore {

// A request that would begin something: neither ACK, CANCEL nor BYE, and without a tag in To. In
// doubt it is none.
bool is_new_request(std::string_view message);

// The value of User-Agent, without white space around it, of a request that claims nothing of what
// went before: neither ACK nor CANCEL, and without a tag in To. Empty: another one, or none.
std::string_view agent_of_newcomer(std::string_view message);

}  // namespace sipcore
