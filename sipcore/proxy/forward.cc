#include "sipcore/proxy/forward.h"

#include "sipcore/build/reply.h"
#include "sipcore/grammar/name_addr.h"

namespace sipcore {
namespace {

// One value of a comma separated header, with where it begins and ends in the message.
struct ListValue {
  const HeaderField* field;
  size_t begin, end;
  bool first_of_field, last_of_field;
};

// Calls take(value) for each Route value in order until it returns false.
template <class Take>
void each_route(const Message& message, Take take) {
  for (auto* field = message.first(HeaderName::kRoute); field; field = message.next(*field)) {
    Cursor cursor(message.value(*field));
    bool first = true;
    do {
      auto value = take_name_addr(cursor);
      if (!value) return;
      size_t begin = message.offset_of(value->text);
      ListValue one{field, begin, begin + value->text.size(), first, cursor.done()};
      if (!take(one)) return;
      first = false;
    } while (cursor.take(','));
  }
}

// Removes the values before the one that stays first: all of them, where none stays.
void pop_routes(const Message& message, const RoutePlan& plan, EditList& edits) {
  for (auto* field = message.first(HeaderName::kRoute); field != plan.next_field;
       field = message.next(*field)) {
    edits.remove(field->begin, field->end - field->begin);
  }
  if (plan.next_field == nullptr) return;
  size_t kept = message.offset_of(plan.next->text);
  if (kept > plan.next_field->value) {
    edits.remove(plan.next_field->value, kept - plan.next_field->value);
  }
}

// For strict routers: removes the first `count` values of Route, and the last one if `last`. What
// stays is in each field one stretch; a line of which nothing stays goes as a whole.
void remove_routes(const Message& message, uint32_t count, bool last, EditList& edits) {
  size_t total = 0, index = 0;
  each_route(message, [&](const ListValue&) { return ++total > 0; });
  size_t kept_begin = 0, kept_end = 0;  // of the field in hand; equal: nothing stays
  each_route(message, [&](const ListValue& value) {
    if (value.first_of_field) kept_begin = kept_end = 0;
    bool removed = index < count || (last && index + 1 == total);
    if (!removed && kept_end == 0) kept_begin = value.begin;
    if (!removed) kept_end = value.end;
    ++index;
    if (!value.last_of_field) return true;
    const HeaderField& field = *value.field;
    if (kept_end == 0) {
      edits.remove(field.begin, field.end - field.begin);
      return true;
    }
    if (kept_begin > field.value) edits.remove(field.value, kept_begin - field.value);
    if (kept_end < value.end) edits.remove(kept_end, value.end - kept_end);
    return true;
  });
}

size_t behind_routes(const Message& message) {
  size_t end = message.start_line_end();
  for (auto* field = message.first(HeaderName::kRoute); field; field = message.next(*field)) {
    end = field->end;
  }
  return end;
}

// The texts written so far lie in one scratch buffer; `since` cuts out the newest.
std::string_view since(const Writer& writer, size_t start) { return writer.text().substr(start); }

// RFC 3261 16.6 step 3. The width stays, "100" becomes "099": nothing has to move.
void lower_max_forwards(const Message& request, const Essentials& essentials, Writer& writer,
                        EditList& edits) {
  if (!essentials.has_max_forwards) return;
  const HeaderField* field = request.first(HeaderName::kMaxForwards);
  size_t start = writer.size();
  std::string_view digits = request.value(*field);
  uint32_t hops = essentials.max_forwards - 1;
  uint32_t scale = 1;
  for (size_t i = 1; i < digits.size() && scale < 1000000000; ++i) scale *= 10;
  for (size_t i = 0; i < digits.size(); ++i) {
    bool significant = digits.size() - i <= 10;
    writer.add_number(significant ? hops / scale % 10 : 0);
    if (significant) scale /= 10;
  }
  edits.add(field->value, field->value_size, since(writer, start));
}

// RFC 3261 16.6 step 6: a strict router wants the Request-URI to be its own and ours in last place.
void route_strictly(const Message& request, const RoutePlan& plan, Writer& writer,
                    EditList& edits) {
  size_t start = writer.size();
  writer.add("Route: <").add(plan.request_uri.text).add(">\r\n");
  edits.insert(behind_routes(request), since(writer, start));
}

void replace_request_uri(const Message& request, std::string_view uri, Writer& writer,
                         EditList& edits) {
  size_t start = writer.size();
  writer.add(uri);
  edits.add(request.offset_of(request.uri_text()), request.uri_text().size(), since(writer, start));
}

void add_top_headers(const Message& request, const Essentials& essentials, const Hop& hop,
                     Writer& writer, EditList& edits) {
  size_t start = writer.size();
  writer.add("Via: SIP/2.0/UDP ").add_endpoint(hop.sent_by);
  writer.add(";branch=").add(hop.branch).add(hop.asks_rport ? ";rport\r\n" : "\r\n");
  for (const Endpoint& own : hop.record_routes) {
    writer.add("Record-Route: <sip:").add_endpoint(own);
    writer.add(";lr;t=").add(hop.route_token).add(">\r\n");
  }
  if (!essentials.has_max_forwards) writer.add("Max-Forwards: 70\r\n");
  edits.insert(request.start_line_end(), since(writer, start));
}

}  // namespace

bool forward_request(const Message& request, const Essentials& essentials, const RoutePlan& plan,
                     const Hop& hop, ForwardScratch& scratch, EditList& edits) {
  Writer writer(scratch.text);
  std::string_view uri = plan.next_is_strict ? plan.next->uri.text : plan.request_uri.text;
  if (uri.data() != request.uri_text().data()) replace_request_uri(request, uri, writer, edits);
  add_top_headers(request, essentials, hop, writer, edits);
  if (needs_mark(*essentials.via, hop.source)) {
    size_t start = writer.size();
    write_marked_via(writer, *essentials.via, hop.source);
    edits.add(request.offset_of(essentials.via->text), essentials.via->text.size(),
              since(writer, start));
  }
  lower_max_forwards(request, essentials, writer, edits);
  uint32_t first = plan.popped + (plan.next_is_strict ? 1 : 0);
  if (plan.next_is_strict || plan.uri_from_last_route) {
    remove_routes(request, first, plan.uri_from_last_route, edits);
  } else if (first > 0) {
    pop_routes(request, plan, edits);
  }
  if (plan.next_is_strict) route_strictly(request, plan, writer, edits);
  return !writer.full() && !edits.broken();
}

bool has_second_via(const Message& response, const Via& top) {
  const HeaderField* field = response.first(HeaderName::kVia);
  std::string_view value = response.value(*field);
  bool more_in_field = top.text.data() + top.text.size() != value.data() + value.size();
  return more_in_field || response.next(*field) != nullptr;
}

void forward_response(const Message& response, const Via& top, EditList& edits) {
  const HeaderField* field = response.first(HeaderName::kVia);
  std::string_view value = response.value(*field);
  size_t behind = response.offset_of(top.text) + top.text.size();
  if (behind == field->value + value.size()) {
    edits.remove(field->begin, field->end - field->begin);
    return;
  }
  size_t comma = response.bytes().find(',', behind);
  edits.remove(field->value, comma + 1 - field->value);
}

size_t add_challenges(const Message& response, const Message& other, std::span<char> out) {
  if (response.field_count() == 0) return 0;
  size_t fields = response.field_count();
  size_t end = response.field(fields - 1).end;
  Writer writer(out);
  writer.add(response.bytes().substr(0, end));
  for (HeaderName name : {HeaderName::kWwwAuthenticate, HeaderName::kProxyAuthenticate}) {
    for (auto* field = other.first(name); field != nullptr; field = other.next(*field)) {
      writer.add(other.line(*field));
      ++fields;
    }
  }
  writer.add(response.bytes().substr(end));
  return writer.full() || fields > kMaxHeaders ? 0 : writer.size();
}

}  // namespace sipcore
