#include "observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

namespace pylon::observe {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

std::string page(const Metrics& metrics) {
  MetricText text;
  metrics.write(text);
  return std::move(text).take();
}

FamilySpec status_family() {
  return {.name = "http_status",
          .help = "Answers by status",
          .type = MetricType::counter,
          .labels = {"code", "route"}};
}

TEST(Metrics, CountersOfAllShardsAreAddedUp) {
  Metrics metrics({.shards = 2});
  FamilyId status = metrics.family(status_family());
  metrics.shard(0).counter(status, std::array{"200"sv, "1"sv}).add(2);
  metrics.shard(1).counter(status, std::array{"200"sv, "1"sv}).add(3);
  metrics.shard(1).counter(status, std::array{"404"sv, ""sv}).add(1);
  EXPECT_EQ(page(metrics),
            "# HELP http_status Answers by status\n"
            "# TYPE http_status counter\n"
            "http_status{code=\"200\",route=\"1\"} 5\n"
            "http_status{code=\"404\",route=\"\"} 1\n");
  EXPECT_EQ(metrics.series_count(), 2u);
}

TEST(Metrics, HistogramsAreCumulative) {
  Metrics metrics({});
  FamilyId latency = metrics.family(
      {.name = "latency", .help = "ms", .type = MetricType::histogram, .bounds = {1, 2.5, 10}});
  Histogram histogram = metrics.shard(0).histogram(latency, {});
  for (double value : {0.5, 1.0, 2.0, 100.0}) histogram.observe(value);
  EXPECT_EQ(page(metrics),
            "# HELP latency ms\n"
            "# TYPE latency histogram\n"
            "latency_bucket{le=\"1\"} 2\n"
            "latency_bucket{le=\"2.5\"} 3\n"
            "latency_bucket{le=\"10\"} 3\n"
            "latency_bucket{le=\"+Inf\"} 4\n"
            "latency_count 4\n"
            "latency_sum 103.5\n");
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics({});
  FamilyId status = metrics.family(status_family());
  metrics.shard(0).counter(status, std::array{"a\"b\\c\nd"sv, "\xff\xc3\xa4"sv}).add(1);
  EXPECT_THAT(page(metrics), HasSubstr("{code=\"a\\\"b\\\\c\\nd\",route=\"???\"} 1"));
}

TEST(Metrics, LongLabelValuesAreCut) {
  Metrics metrics({});
  FamilyId status = metrics.family(status_family());
  metrics.shard(0).counter(status, std::array{""sv, ""sv}).add(1);
  std::string value(100'000, 'x');
  metrics.shard(0).counter(status, std::array{""sv, std::string_view(value)}).add(1);
  EXPECT_LT(page(metrics).size(), 1000u);
}

TEST(Metrics, SeriesBeyondTheLimitAreCounted) {
  Metrics metrics({.max_cells = 300});
  FamilyId status = metrics.family(status_family());
  for (int i = 0; i < 100; ++i) {
    std::string route = std::to_string(i);
    metrics.shard(0).counter(status, std::array{"200"sv, std::string_view(route)}).add(1);
  }
  EXPECT_EQ(metrics.series_count() + metrics.overflow(), 100u);
  EXPECT_GT(metrics.overflow(), 50u);
}

TEST(Metrics, ASeriesNeverStraddlesChunks) {
  Metrics metrics({});
  std::vector<double> bounds;
  for (int i = 0; i < 250; ++i) bounds.push_back(i);
  FamilyId wide = metrics.family({.name = "wide",
                                  .help = "h",
                                  .type = MetricType::histogram,
                                  .labels = {"n"},
                                  .bounds = bounds});
  for (int i = 0; i < 20; ++i) {
    std::string n = std::to_string(i);
    metrics.shard(0).histogram(wide, std::array{std::string_view(n)}).observe(1000);
  }
  EXPECT_THAT(page(metrics), HasSubstr("wide_sum{n=\"19\"} 1000\n"));
}

TEST(Metrics, AFamilyIsDeclaredOnce) {
  Metrics metrics({});
  EXPECT_EQ(metrics.family(status_family()), metrics.family(status_family()));
}

TEST(Metrics, AScrapeMayRunBesideTheWorkers) {
  Metrics metrics({.shards = 2});
  FamilyId status = metrics.family(status_family());
  auto work = [&](size_t shard) {
    for (int i = 0; i < 2000; ++i) {
      std::string route = std::to_string(i % 50);
      metrics.shard(shard).counter(status, std::array{"200"sv, std::string_view(route)}).add(1);
    }
  };
  std::thread first(work, 0);
  std::thread second(work, 1);
  for (int i = 0; i < 20; ++i) page(metrics);
  first.join();
  second.join();
  EXPECT_THAT(page(metrics), HasSubstr("http_status{code=\"200\",route=\"7\"} 80\n"));
}

TEST(MetricText, NumbersAsPrometheusReadsThem) {
  EXPECT_EQ(metric_number(3), "3");
  EXPECT_EQ(metric_number(123456789012345), "123456789012345");
  EXPECT_EQ(metric_number(0.25), "0.25");
  EXPECT_EQ(metric_number(1.0 / 0.0), "+Inf");
}

TEST(MetricText, Names) {
  EXPECT_TRUE(valid_metric_name("apisix_http:status"));
  EXPECT_FALSE(valid_metric_name("9lives"));
  EXPECT_FALSE(valid_label_name("a:b"));
  EXPECT_FALSE(valid_label_name(""));
}

}  // namespace
}  // namespace pylon::observe
