// SPDX-License-Identifier: Apache-2.0
// An application that has documents analysed, all at once, by processes that may crash, hang or run out of
// memory without taking it along; and, with --fetch, another one that finds the results by their names
// afterwards.
#include <promised/client.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "examples/analyser/analysis.hpp"
#include "examples/analyser/options.hpp"
#include "examples/analyser/progress_bar.hpp"
#include "examples/analyser/summary.hpp"

namespace {

using namespace analyser;
namespace fs = std::filesystem;

constexpr int kAllHaveOutcomes = 0;
constexpr int kSomeHaveNone = 1;
constexpr int kCannotWork = 2;

// Every regular file below `paths`, each once, in the order of their names.
std::vector<std::string> find_documents(const std::vector<std::string>& paths) {
  std::vector<std::string> documents;
  for (const std::string& path : paths) {
    if (!fs::exists(path)) throw std::invalid_argument(path + ": no such file or directory");
    if (!fs::is_directory(path)) {
      documents.push_back(fs::canonical(path).string());
      continue;
    }
    using enum fs::directory_options;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path, skip_permission_denied)) {
      if (entry.is_regular_file() && !entry.is_symlink())
        documents.push_back(fs::canonical(entry.path()).string());
    }
  }
  std::sort(documents.begin(), documents.end());
  documents.erase(std::unique(documents.begin(), documents.end()), documents.end());
  return documents;
}

// Adds how one document's job ended; waits if it has not yet.
void add_outcome(Summary& summary, const std::string& path, const promised::Future<Analysis>& future) {
  try {
    summary.add(future.result());
  } catch (const promised::JobFailed& e) {
    summary.add(path, e.failure());
  } catch (const promised::DisconnectedError&) {
    throw;
  } catch (const promised::Error& e) {
    summary.add(path, e.what());
  }
}

int analyse_documents(promised::Client& client, const ReportOptions& options) {
  std::vector<std::string> documents = find_documents(options.paths);
  if (options.most > 0 && documents.size() > options.most) documents.resize(options.most);
  Wishes wishes;
  wishes.obey_troublemakers = options.demo;
  std::map<promised::JobId, std::string> paths;
  std::vector<promised::Future<Analysis>> futures;
  const auto began = std::chrono::steady_clock::now();
  for (const std::string& path : documents) {
    const auto how = promised::Options{}
                         .remember(options.prefix + path, options.lifespan, promised::Duplicate::replace)
                         .run_timeout(options.run_timeout);
    futures.push_back(client.submit<Analysis>(how, kAnalyse, path, wishes));
    paths.emplace(futures.back().id(), path);
  }
  Summary summary;
  {
    ProgressBar bar(documents.size());
    std::size_t done = 0;
    for (const auto& future : promised::as_completed(futures)) {
      add_outcome(summary, paths.at(future.id()), future);
      bar.update(++done, summary.failed());
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  summary.print(std::cout);
  std::cout << "\n" << documents.size() << " jobs in " << took.count() << " s\n";
  return summary.without_outcome() == 0 ? kAllHaveOutcomes : kSomeHaveNone;
}

int fetch_results(promised::Client& client, const ReportOptions& options) {
  promised::JobFilter filter;
  filter.name_prefix = options.prefix;
  filter.remembered = true;
  Summary summary;
  std::size_t names = 0;
  for (bool more = true; more;) {
    const promised::JobPage page = client.jobs(filter);
    for (const promised::JobView& job : page.jobs) {
      ++names;
      add_outcome(summary, job.name.substr(options.prefix.size()), client.future<Analysis>(job.name));
    }
    more = page.more && !page.jobs.empty();
    if (more) filter.after = page.jobs.back().id;
  }
  std::cout << names << " results are remembered under names that begin with " << options.prefix << "\n";
  summary.print(std::cout);
  return summary.without_outcome() == 0 ? kAllHaveOutcomes : kSomeHaveNone;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const ReportOptions options = parse_options(argc, argv);
    if (options.help) {
      std::cout << kUsage;
      return kAllHaveOutcomes;
    }
    promised::ClientOptions to_daemon;
    to_daemon.endpoint = options.endpoint;
    promised::Client client(to_daemon);
    return options.fetch ? fetch_results(client, options) : analyse_documents(client, options);
  } catch (const std::invalid_argument& e) {
    std::cerr << "analyser-report: " << e.what() << "\n\n" << kUsage;
  } catch (const std::exception& e) {
    std::cerr << "analyser-report: " << e.what() << "\n";
  }
  return kCannotWork;
}
