"""The few machine operations the small-table engine needs and numba does not offer: bit counts, a float's bits, and a
masked sum over vectors.

They are written in LLVM's own vector types, so the compiler maps them to whatever the processor has (AVX-512 mask
registers, AVX2, NEON); no processor is named here. Lane order of a bit mask follows little-endian bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic

LANES = 8
_BYTE, _WORD, _DOUBLE = ir.IntType(8), ir.IntType(64), ir.DoubleType()
_LANES_OF_DOUBLES, _LANES_OF_BITS = ir.VectorType(_DOUBLE, LANES), ir.VectorType(ir.IntType(1), LANES)
_TRUE = ir.Constant(ir.IntType(1), 1)


def intrinsic(function: Callable[..., Any]) -> Any:
    """numba's intrinsic: compiled code calls it without the typing context that its Python signature begins with."""
    return numba_intrinsic(function)


@intrinsic
def count_bits(typing_context, bits):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), codegen


@intrinsic
def lowest_bit(typing_context, bits):  # type: ignore[no-untyped-def]
    """Position of the lowest set bit of a uint64 that is not zero."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], _TRUE)

    return types.int64(types.uint64), codegen


@intrinsic
def float_bits(typing_context, value):  # type: ignore[no-untyped-def]
    """The bits of a float32 as int32: for numbers that are not negative they order like the numbers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@intrinsic
def float_of_bits(typing_context, bits):  # type: ignore[no-untyped-def]
    """The float32 with these bits, an int32."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


def _masked_sum(vectors: int) -> Any:
    """An intrinsic that sums values over chosen rows for `vectors` * 8 candidates at once, sums kept in registers."""

    @intrinsic
    def masked_sum(typing_context, sums, start, membership, stride, values, rows):  # type: ignore[no-untyped-def]
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            def data(k: int) -> Any:
                return context.make_array(signature.args[k])(context, builder, arguments[k]).data

            def at(pointer: Any, index: Any, kind: Any) -> Any:
                return builder.gep(pointer, [index], source_etype=kind)

            start, stride, rows = arguments[1], arguments[3], arguments[5]
            entry = builder.basic_block
            loop, done = builder.append_basic_block("rows"), builder.append_basic_block("done")
            first_byte = builder.lshr(start, ir.Constant(_WORD, 3))
            builder.branch(loop)

            builder.position_at_end(loop)
            remaining = builder.phi(_WORD)
            remaining.add_incoming(rows, entry)
            totals = [builder.phi(_LANES_OF_DOUBLES) for _ in range(vectors)]
            row = builder.cttz(remaining, _TRUE)
            after = builder.and_(remaining, builder.sub(remaining, ir.Constant(_WORD, 1)))
            value = builder.load(at(data(4), row, _DOUBLE), typ=_DOUBLE)
            nothing = ir.Constant(_LANES_OF_DOUBLES, ir.Undefined)
            lane_zero = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
            spread = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            value = builder.shuffle_vector(lane_zero, nothing, spread)
            byte = at(data(2), builder.add(builder.mul(row, stride), first_byte), _BYTE)
            added = []
            for v, total in enumerate(totals):
                bits = builder.load(at(byte, ir.Constant(_WORD, v), _BYTE), typ=_BYTE)
                inside = builder.bitcast(bits, _LANES_OF_BITS)
                added.append(builder.select(inside, builder.fadd(total, value), total))
            remaining.add_incoming(after, loop)
            for total, new in zip(totals, added, strict=True):
                total.add_incoming(ir.Constant(_LANES_OF_DOUBLES, [0.0] * LANES), entry)
                total.add_incoming(new, loop)
            builder.cbranch(builder.icmp_unsigned("==", after, ir.Constant(_WORD, 0)), done, loop)

            builder.position_at_end(done)
            for v, new in enumerate(added):
                target = at(data(0), builder.add(start, ir.Constant(_WORD, LANES * v)), _DOUBLE)
                builder.store(new, builder.bitcast(target, _LANES_OF_DOUBLES.as_pointer()), align=8)
            return context.get_dummy_value()

        return types.void(sums, types.int64, membership, types.int64, values, types.uint64), codegen

    return masked_sum


# sums[start : start + 8 * vectors][k] = sum of values[row] over the rows (a bit set, not empty) whose bit k is set in
# membership [rows, stride], eight candidates a byte
masked_sum_64, masked_sum_32, masked_sum_16 = _masked_sum(8), _masked_sum(4), _masked_sum(2)


_WORDS, _FLOATS = ir.VectorType(_WORD, LANES), ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)


def _data(context: Any, builder: Any, signature: Any, arguments: Any, k: int) -> Any:
    """Pointer to the elements of the array that is argument k."""
    return context.make_array(signature.args[k])(context, builder, arguments[k]).data


def _spread(builder: Any, value: Any) -> Any:
    """A vector of eight times `value`."""
    nothing = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTS, [0] * LANES))


def _load(builder: Any, pointer: Any, index: Any) -> Any:
    """Eight int64 from pointer[index] on."""
    at = builder.gep(pointer, [index], source_etype=_WORD)
    return builder.load(builder.bitcast(at, _WORDS.as_pointer()), align=8, typ=_WORDS)


class _Gains:
    """The arithmetic of XGBoost's gains for eight splits at once, from packed sums; see `best_packed`."""

    def __init__(self, builder: Any, shift: Any, node: Any) -> None:
        one = ir.Constant(_WORD, 1)
        mask = builder.sub(builder.shl(one, shift), one)
        self.builder = builder
        self.shift, self.mask = _spread(builder, shift), _spread(builder, mask)
        self.g_node = _spread(builder, builder.sitofp(builder.ashr(node, shift), _DOUBLE))
        both = builder.sitofp(builder.and_(node, mask), ir.FloatType())
        self.both = _spread(builder, builder.fadd(both, ir.Constant(ir.FloatType(), 2.0)))

    def keyed(self, packed: Any, keys: Any) -> Any:
        """Bits of the gain above, the key below."""
        b = self.builder
        g = b.sitofp(b.ashr(packed, self.shift), _LANES_OF_DOUBLES)
        other = b.fsub(self.g_node, g)
        count = b.sitofp(b.and_(packed, self.mask), _FLOATS)
        h = b.fadd(count, ir.Constant(_FLOATS, [1.0] * LANES))
        gain = b.fdiv(b.fptrunc(b.fmul(g, g), _FLOATS), h)
        other_gain = b.fdiv(b.fptrunc(b.fmul(other, other), _FLOATS), b.fsub(self.both, h))
        bits = b.zext(b.bitcast(b.fadd(gain, other_gain), _INTS), _WORDS)
        return b.or_(b.shl(bits, ir.Constant(_WORDS, [32] * LANES)), keys)

    def larger(self, one: Any, other: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed(">", one, other), one, other)

    def largest(self, vector: Any) -> Any:
        """The largest of the eight."""
        for half in (4, 2, 1):
            order = ir.Constant(_INTS, [(k + half) % LANES for k in range(LANES)])
            vector = self.larger(vector, self.builder.shuffle_vector(vector, vector, order))
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic
def best_packed(typing_context, sums, first, keys, n, shift, node):  # type: ignore[no-untyped-def]
    """The best of the splits 0 to n - 1 (a multiple of eight, not 0) as one integer: bits of its gain above, its key
    below. The largest such integer is the largest gain and, of equal ones, the largest key.

    `sums`, from `first` on, are sum << shift | count of one side of each split, `node` is that of all rows; the gain is
    the two sides' float32(sum * sum) / float32(count + 1), added.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        sum_data, key_data = (_data(context, builder, signature, arguments, k) for k in (0, 2))
        first, n = arguments[1], arguments[3]
        gains = _Gains(builder, *arguments[4:])
        entry = builder.basic_block
        loop, done = builder.append_basic_block("splits"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k, best = builder.phi(_WORD), builder.phi(_WORDS)
        k.add_incoming(ir.Constant(_WORD, 0), entry)
        best.add_incoming(ir.Constant(_WORDS, [0] * LANES), entry)
        found = gains.larger(
            gains.keyed(_load(builder, sum_data, builder.add(first, k)), _load(builder, key_data, k)), best
        )
        after = builder.add(k, ir.Constant(_WORD, LANES))
        k.add_incoming(after, loop)
        best.add_incoming(found, loop)
        builder.cbranch(builder.icmp_signed("<", after, n), loop, done)
        builder.position_at_end(done)
        return gains.largest(found)

    return types.int64(sums, types.int64, keys, types.int64, types.int64, types.int64), codegen


@intrinsic
def best_in_pairs(  # type: ignore[no-untyped-def]
    typing_context, keys, first, packed, rows, start, end, shift, node
):
    """`best_packed` of the rows rows[start:end] (uint32, not empty) without sums: a row's split has on one side all
    rows whose key is at least its own, lane by lane; row r's eight keys are keys[first + 8 r:]."""
    together = 4

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        key_data, packed_data, row_data = (_data(context, builder, signature, arguments, k) for k in (0, 2, 3))
        first, start, end = arguments[1], arguments[4], arguments[5]
        gains = _Gains(builder, *arguments[6:])
        last = builder.sub(end, ir.Constant(_WORD, 1))
        none = ir.Constant(_WORDS, [0] * LANES)

        def row_at(index: Any) -> Any:
            at = builder.gep(row_data, [index], source_etype=ir.IntType(32))
            return builder.zext(builder.load(at, typ=ir.IntType(32)), _WORD)

        def keys_of(row: Any) -> Any:
            return _load(builder, key_data, builder.add(first, builder.shl(row, ir.Constant(_WORD, 3))))

        entry = builder.basic_block
        own_rows, other_rows = builder.append_basic_block("own"), builder.append_basic_block("others")
        compare, done = builder.append_basic_block("compare"), builder.append_basic_block("done")
        builder.branch(own_rows)

        builder.position_at_end(own_rows)
        i, best = builder.phi(_WORD), builder.phi(_WORDS)
        i.add_incoming(start, entry)
        best.add_incoming(none, entry)
        own = []
        for r in range(together):
            at = builder.add(i, ir.Constant(_WORD, r))
            at = builder.select(builder.icmp_signed("<", at, last), at, last)
            own.append(keys_of(row_at(at)))
        builder.branch(other_rows)

        builder.position_at_end(other_rows)
        j = builder.phi(_WORD)
        j.add_incoming(start, own_rows)
        totals = [builder.phi(_WORDS) for _ in range(together)]
        row = row_at(j)
        key = keys_of(row)
        value = _spread(builder, builder.load(builder.gep(packed_data, [row], source_etype=_WORD), typ=_WORD))
        after = builder.add(j, ir.Constant(_WORD, 1))
        j.add_incoming(after, other_rows)
        added = []
        for total, mine in zip(totals, own, strict=True):
            new = builder.select(builder.icmp_signed(">=", key, mine), builder.add(total, value), total)
            total.add_incoming(none, own_rows)
            total.add_incoming(new, other_rows)
            added.append(new)
        builder.cbranch(builder.icmp_signed("<", after, end), other_rows, compare)

        builder.position_at_end(compare)
        found = best
        for total, mine in zip(added, own, strict=True):
            found = gains.larger(gains.keyed(total, mine), found)
        following = builder.add(i, ir.Constant(_WORD, together))
        i.add_incoming(following, compare)
        best.add_incoming(found, compare)
        builder.cbranch(builder.icmp_signed("<", following, end), own_rows, done)

        builder.position_at_end(done)
        return gains.largest(found)

    return types.int64(keys, types.int64, packed, rows, types.int64, types.int64, types.int64, types.int64), codegen
