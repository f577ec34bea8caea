// Destinations by what people call them, and what requests of management are made of. Control
// thread only.
#pragma once

#include <set>
#include <vector>

#include "control/config/live.h"
#include "control/manage/rpc.h"

namespace control::manage {

// A text among the params of a request; throws with what they should have been.
const std::string& text_at(const Json& params, size_t index, const char* usage);

class Finder {
 public:
  using Name = link::DestinationName;

  Finder(const config::Live& live, const link::Exchange& exchange)
      : live_(live), exchange_(exchange) {}

  // By name, else by the number in the list; throws where there is none.
  const link::Group& group_of(const Json& name) const;
  // The numbers of all groups in the list: those that are named by one, as groups of an imported
  // list are, have that.
  std::vector<int64_t> ids() const;

  // Entries: the one that the list calls so, else all with that URI, whichever address they are
  // sent to from; "all": the whole group. Group null: in all groups.
  std::set<Name> entries(const Json& group, const std::string& address) const;
  // Those, and others by host and port: of a host name that address alone. Throws where there are
  // none.
  std::set<Name> find(const Json& group, const std::string& address) const;
  // Those of them that stand for something; valid until something else is published.
  std::vector<const link::Destination*> published(const std::set<Name>& names) const;

 private:
  const config::Live& live_;
  const link::Exchange& exchange_;
};

}  // namespace control::manage
