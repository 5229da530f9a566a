"""Words that stand where a name might, and are none: a rule that takes them for one is refuted."""

from __future__ import annotations

ORDINARY = frozenset(
    """a about above after again all alright also am an and any anyone anything are as at away back be because
    been before being but by can come could did do does don done each either else er even ever every
    everything fine for from get go going good got great had has have he hello her here hers hey hi him his hm
    hmm hold how huh i if im in into is it its ive just last let like local long look lot many maybe me mhm
    mine more morning most much my nah neither never new next nice no none nope nor not nothing now of off oh
    ok okay on once one only or other our out over own perhaps please pretty quite rather really right same
    see sent several she should since so some somebody someone something sometimes soon sorry sounds still
    such sure thank thanks that the their them then there these they thing think this those though through to
    today together told too tomorrow tonight two ugh uh uhm um under until up upon us usually very was we well
    went were what when where whether which while who whom whose why will with within without would wow yeah
    year years yep yes yesterday yet you your yours actually absolutely exactly correct definitely honestly
    lately mostly obviously patient doctor nurse guest family denies reports states notes says presents
    returned called dear mom mother father general regional outside another nearest home day children women
    medical psychiatric mental community university teaching veterans state county city emergency inpatient
    outpatient rehab primary acute private public surgical specialty retail mail online chain discharge
    admission transferred visited visiting admitted seen during per via between against discussed referred
    follow following weekly daily call contacted contact use uses used street old recent physician attending
    provider colleague sir madam illicit prescription drug drugs anesthesia intravenous iv multiple
    recreational""".split()
)
"""Words of any sentence, and those that stand before the name of a person or a hospital."""
LABELS = frozenset(
    """mrn dob phone tel fax email date age sex nocol ncol servicio dr dra sr sra fecha telefono medico nhc
    correo unidad departamento domicilio seccion area patient encounter""".split()
)
"""Words that begin the next thing that a page says."""
LETTERS = frozenset(
    """qd qod sq sc sl hs ac pc vs iu gtt pr pv pt ot st cc vb al ca us uk po md rn do iv im er or id am pm dc
    ed bp hr rr ra eg ie dob ssn prn bid tid qid npo sob llc usa""".split()
)
"""Letters with points that are nobody's initials."""
