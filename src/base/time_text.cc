#include "base/time_text.h"

#include <array>
#include <cstring>

namespace pylon {
namespace {

constexpr int64_t kDayS = 86400;
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct Moment {
  int64_t year;
  unsigned month, day, weekday, hour, minute, second;  // month from 1, Sunday is 0
};

// Howard Hinnant, chrono-Compatible Low-Level Date Algorithms: civil_from_days.
Moment moment_of(int64_t unix_s) {
  int64_t days = unix_s / kDayS;
  int64_t rest = unix_s % kDayS;
  if (rest < 0) rest += kDayS, --days;
  int64_t shifted = days + 719468;
  int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  auto day_of_era = static_cast<unsigned>(shifted - era * 146097);
  unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  unsigned month_from_march = (5 * day_of_year + 2) / 153;
  Moment moment;
  moment.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  moment.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  moment.year = static_cast<int64_t>(year_of_era) + era * 400 + (moment.month <= 2);
  moment.weekday = static_cast<unsigned>(((days + 4) % 7 + 7) % 7);
  moment.hour = static_cast<unsigned>(rest / 3600);
  moment.minute = static_cast<unsigned>(rest / 60 % 60);
  moment.second = static_cast<unsigned>(rest % 60);
  return moment;
}

class Pen {
 public:
  explicit Pen(char* to) : to_(to) {}

  Pen& text(std::string_view text) {
    std::memcpy(to_, text.data(), text.size());
    to_ += text.size();
    return *this;
  }
  Pen& two(unsigned value) {
    *to_++ = static_cast<char>('0' + value / 10 % 10);
    *to_++ = static_cast<char>('0' + value % 10);
    return *this;
  }
  Pen& year(int64_t year) {
    auto value = static_cast<unsigned>(year < 0 ? 0 : year);
    return two(value / 100).two(value % 100);
  }
  Pen& time(const Moment& moment) {
    return two(moment.hour).text(":").two(moment.minute).text(":").two(moment.second);
  }

 private:
  char* to_;
};

template <size_t Chars>
struct Cached {
  int64_t unix_s = INT64_MIN;
  char text[Chars];

  std::string_view at(int64_t now_s, void (*write)(int64_t, char*)) {
    if (now_s != unix_s) {
      write(now_s, text);
      unix_s = now_s;
    }
    return {text, Chars};
  }
};

}  // namespace

void write_http_date(int64_t unix_s, char* to) {
  Moment m = moment_of(unix_s);
  Pen pen(to);
  pen.text(kDays[m.weekday]).text(", ").two(m.day).text(" ").text(kMonths[m.month - 1]);
  pen.text(" ").year(m.year).text(" ").time(m).text(" GMT");
}

void write_time_local(int64_t unix_s, char* to) {
  Moment m = moment_of(unix_s);
  Pen pen(to);
  pen.two(m.day).text("/").text(kMonths[m.month - 1]).text("/").year(m.year);
  pen.text(":").time(m).text(" +0000");
}

void write_iso8601(int64_t unix_s, char* to) {
  Moment m = moment_of(unix_s);
  Pen pen(to);
  pen.year(m.year).text("-").two(m.month).text("-").two(m.day);
  pen.text("T").time(m).text("+00:00");
}

std::string_view http_date(int64_t unix_s) {
  static thread_local Cached<kHttpDateChars> cached;
  return cached.at(unix_s, write_http_date);
}

std::string_view time_local(int64_t unix_s) {
  static thread_local Cached<kTimeLocalChars> cached;
  return cached.at(unix_s, write_time_local);
}

std::string_view iso8601(int64_t unix_s) {
  static thread_local Cached<kIso8601Chars> cached;
  return cached.at(unix_s, write_iso8601);
}

}  // namespace pylon
