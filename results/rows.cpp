#include "results/rows.hpp"
#include "kernels/say.hpp"

#include <cmath>
#include <cstdio>
#include <limits>

namespace convtune {

std::string problem_id(const Problem& problem) { return digest(to_json(problem)); }

Problems Rows::all_problems() {
  Problems problems;
  select<0>(StoredProblem{}, {},
            [&](const StoredProblem& row) { problems.insert_or_assign(row.id, row.problem); });
  return problems;
}

void Rows::count_damage() {
  if (damaged_++ == 0) {
    say(fmt::format(
        "convtune: {} has damaged rows, which count as missing; 'convtune db check' counts them",
        database_.path().string()));
  }
}

void bind_field(Statement& statement, int parameter, double value) {
  // SQLite has no NaN: it would become NULL.
  statement.bind(parameter, std::isnan(value) ? std::numeric_limits<double>::infinity() : value);
}

void bind_field(Statement& statement, int parameter, const std::string& value) {
  statement.bind(parameter, value);
}

void bind_field(Statement& statement, int parameter, const Problem& value) {
  statement.bind(parameter, problem_id(value));
}

void read_column(const Statement& row, int column, const Problems&, double& value) {
  value = row.real(column);
}

void read_column(const Statement& row, int column, const Problems&, std::string& value) {
  value = row.text(column);
}

void read_column(const Statement& row, int column, const Problems& problems, Problem& value) {
  const std::string id = row.text(column);
  const auto found = problems.find(id);
  if (found == problems.end()) refuse_json(id, "the id of a problem in the database");
  value = found->second;
}

nlohmann::json parse_list(const std::string& text) {
  nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
  if (list.is_discarded()) refuse_json(text, "a list in JSON");
  return list;
}

}  // namespace convtune
