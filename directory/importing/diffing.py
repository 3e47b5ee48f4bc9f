"""Compares the rows of a file with the directory (pure).

A row means the person with its id; else the one of that name with one of its numbers; else the one
of that name in its unit. What a file leaves empty stays as it is.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from core.ids import UnitId
from directory.importing.model import Content, Fault, Row, RowKind, Verdict, fault
from directory.model import Person, Phone, PhoneKind, Unit

_OTHERS_NAMED = 2
_JOINTS = re.compile(r"[\s/\\>\-—_·,、]+")


class UnitNames:
    """Finds a unit by what people write: its name, or it with some of the units above it."""

    def __init__(self, units: Collection[Unit], home: Unit, above: Collection[Unit] = ()) -> None:
        """`home`: the unit of the import, which an empty cell means; `above`: those it lies in."""
        self._home = home
        self._by_name: dict[str, set[UnitId]] = defaultdict(set)
        self._by_id = {unit.id: unit for unit in (*above, *units)}
        for unit in units:
            for name in self._spellings(unit):
                self._by_name[name].add(unit.id)

    def _spellings(self, unit: Unit) -> Iterator[str]:
        """The name, and the name behind each choice of one or all of the units above."""
        own = _joined(unit.name)
        above: list[str] = []
        parent = self._by_id.get(unit.parent_id) if unit.parent_id else None
        while parent is not None:
            above.insert(0, _joined(parent.name))
            yield above[0] + own
            yield "".join(above) + own
            parent = self._by_id.get(parent.parent_id) if parent.parent_id else None
        yield own
        if unit.code:
            yield unit.code

    def find(self, written: str) -> Unit | str:
        """The unit, or the code of the fault."""
        if not written:
            return self._home
        found = self._by_name.get(_joined(written), set())
        if len(found) == 1:
            return self._by_id[next(iter(found))]
        return "unit_ambiguous" if found else "unit_unknown"


def _joined(name: str) -> str:
    return _JOINTS.sub("", name)


class Comparison:
    """The directory as it stands, to hold rows against; remembers who was met in the file."""

    def __init__(self, people: Sequence[Person], units: UnitNames, unit_column: str) -> None:
        """`unit_column`: letter of the column that names the unit, empty if there is none."""
        self._people = people
        self._units = units
        self._unit_column = unit_column
        self._by_id = {str(person.id): person for person in people}
        self._by_name_unit: dict[tuple[str, str], list[Person]] = defaultdict(list)
        self._by_name_number: dict[tuple[str, str], list[Person]] = defaultdict(list)
        self._by_mobile: dict[str, list[Person]] = defaultdict(list)
        self._met: dict[str, int] = {}
        for person in people:
            self._by_name_unit[person.name, person.unit_id].append(person)
            for phone in person.phones:
                self._by_name_number[person.name, phone.number].append(person)
                if phone.kind is PhoneKind.MOBILE:
                    self._by_mobile[phone.number].append(person)

    def judge(self, row: Row) -> Verdict:
        """What committing `row` would do."""
        unit = self._units.find(row.unit)
        faults = list(row.faults)
        if isinstance(unit, str):
            cell = f"{self._unit_column}{row.number}" if self._unit_column else ""
            faults.append(fault(unit, cell))
            return self._faulty(row, faults)
        person = self._match(row, unit)
        if isinstance(person, Fault):
            faults.append(person)
        elif person is not None and self._met.setdefault(person.id, row.number) != row.number:
            faults.append(fault("duplicate", "", row=self._met[person.id]))
        if faults or isinstance(person, Fault):
            return self._faulty(row, faults)
        return self._difference(row, unit, person)

    def _match(self, row: Row, unit: Unit) -> Person | Fault | None:
        if row.id:
            return self._by_id.get(row.id) or fault("person_unknown", "")
        for phone in row.phones:
            named_so = self._by_name_number.get((row.name, phone.number), [])
            if len(named_so) == 1:
                return named_so[0]
        here = self._by_name_unit.get((row.name, unit.id), [])
        if len(here) > 1:
            return fault("person_ambiguous", "")
        return here[0] if here else None

    def _faulty(self, row: Row, faults: Sequence[Fault]) -> Verdict:
        known = self._by_id.get(row.id)
        if known is not None:  # a faulty row is still about somebody: not missing
            self._met.setdefault(known.id, row.number)
        for phone in row.phones:
            for person in self._by_name_number.get((row.name, phone.number), ()):
                self._met.setdefault(person.id, row.number)
        return Verdict(row.number, RowKind.FAULTY, cells=row.cells, faults=tuple(faults))

    def _difference(self, row: Row, unit: Unit, person: Person | None) -> Verdict:
        notes = tuple(self._shared_numbers(row, person))
        if person is None:
            after = Content(unit.id, row.name, row.pinyin, row.title, row.note, row.phones)
            return Verdict(row.number, RowKind.NEW, notes=notes, after=after)
        before = content_of(person)
        after = Content(
            unit_id=unit.id if row.unit else before.unit_id,
            name=row.name,
            pinyin=row.pinyin,
            title=row.title or before.title,
            note=row.note or before.note,
            phones=merged_phones(before.phones, row.phones),
        )
        verdict = Verdict(
            row.number,
            RowKind.CHANGED,
            notes=notes,
            person_id=person.id,
            version=person.version,
            before=before,
            after=after,
        )
        if not verdict.changed_fields:
            return replace(verdict, kind=RowKind.UNCHANGED)
        return verdict

    def _shared_numbers(self, row: Row, person: Person | None) -> Iterator[str]:
        for phone in row.phones:
            for other in self._by_mobile.get(phone.number, [])[:_OTHERS_NAMED]:
                if other is not person and other.name != row.name:
                    yield f"{phone.masked} 也是{other.unit_name}{other.name}的号码"

    def missing(self) -> Iterator[Verdict]:
        """People of the directory that no row was about; call it after the last row."""
        for person in self._people:
            if person.id not in self._met:
                yield Verdict(
                    0,
                    RowKind.MISSING,
                    person_id=person.id,
                    version=person.version,
                    before=content_of(person),
                )


def content_of(person: Person) -> Content:
    """What an import could write of a person."""
    return Content(
        person.unit_id, person.name, person.pinyin, person.title, person.note, person.phones
    )


def merged_phones(before: Sequence[Phone], written: Sequence[Phone]) -> tuple[Phone, ...]:
    """The written numbers replace those of their kinds; numbers of other kinds stay."""
    if not written:
        return tuple(before)
    kinds = {phone.kind for phone in written}
    kept = [phone for phone in before if phone.kind not in kinds]
    keeps_primary = bool(kept) and kept[0] == before[0]
    ordered = [*kept, *written] if keeps_primary else [*written, *kept]
    return tuple(replace(phone, is_primary=position == 0) for position, phone in enumerate(ordered))
