"""The web pages' frame: navigation, the choice of a scoring run, one place where errors show.

Started by ``streamlit run`` on this file.
"""

from __future__ import annotations

from collections import Counter

import streamlit as st

from eventlog.errors import DuecastError, NotReadyError
from serving.store import Run
from ui import data
from ui.wording import moment

#: Tables want the window's width; the frame's own margins are made for prose.
STYLE = """<style>
.stMainBlockContainer {padding: 3.75rem 2.4rem 3rem 2.4rem;}
</style>"""
#: Prefix of session keys that outlive a change of page.
KEPT = "kept_"


def run_labels(runs: dict[str, Run]) -> dict[str, str]:
    """Runs as the sidebar names them: by cutoff; where it was scored again, also by when."""
    cutoffs = Counter(run.as_of for run in runs.values())
    return {
        run_id: moment(run.as_of)
        + (f", scored {moment(run.scored_at)}" if cutoffs[run.as_of] > 1 else "")
        for run_id, run in runs.items()
    }


def choose_run() -> None:
    """Offer the runs where there are several."""
    runs = {run.run_id: run for run in data.runs()}
    if len(runs) < 2:
        return
    if st.session_state.get(data.RUN_KEY) not in runs:
        st.session_state[data.RUN_KEY] = next(iter(runs))
    labels = run_labels(runs)
    st.sidebar.selectbox(
        "Scoring run, by cutoff",
        list(runs),
        format_func=labels.__getitem__,
        key=data.RUN_KEY,
    )


def main() -> None:
    """Draw the chosen page."""
    st.set_page_config(page_title="duecast", layout="wide")
    st.html(STYLE)
    for key in [key for key in st.session_state if str(key).startswith(KEPT)]:
        st.session_state[key] = st.session_state[key]
    chosen = st.navigation(
        [
            st.Page("views/worklist.py", title="Worklist", default=True),
            st.Page("views/invoice.py", title="Invoice"),
        ]
    )
    try:
        choose_run()
        chosen.run()
    except NotReadyError as error:
        st.title(chosen.title)
        st.info(str(error))
    except DuecastError as error:
        st.error(str(error))


main()
