-- SPDX-License-Identifier: Apache-2.0 OR MIT
-- Tables, strings and closures: trees are built and summed, words counted, lists sorted.
local function tree(depth, key)
  if depth == 0 then return {key = key} end
  return {key = key, left = tree(depth - 1, 2 * key), right = tree(depth - 1, 2 * key + 1)}
end
local function total(node)
  return node.key + (node.left and total(node.left) + total(node.right) or 0)
end
local sum = 0
for round = 1, 4 do sum = sum + total(tree(15, round)) end
print(sum)
local counts, words = {}, {}
for i = 1, 150000 do words[#words + 1] = "w" .. (i * 7919 % 5003) end
for word in table.concat(words, " "):gmatch("%S+") do counts[word] = (counts[word] or 0) + 1 end
local names = {}
for name in pairs(counts) do names[#names + 1] = name end
table.sort(names)
print(#names, names[1], counts[names[1]], names[#names])
local made = {}
for i = 1, 120000 do made[i % 2000 + 1] = function(x) return x * i end end
local applied = 0
for i = 1, #made do applied = (applied + made[i](i)) % 1000003 end
print(applied)
