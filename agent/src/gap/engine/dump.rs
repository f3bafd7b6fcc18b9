//! TEMPORARY.
use super::Engine;
impl Engine {
    /// TEMPORARY.
    pub fn dump(&self) -> String {
        let mut s = String::new();
        for st in &self.hops.states {
            let k = &self.hops.keys[st.hop as usize];
            s += &format!(
                "{}->{} {} {} ep {} calls {} after {} during {} judged {} fwd {} windows {}\n",
                self.texts.text(k.service),
                self.texts.text(k.peer),
                self.texts.text(k.method),
                self.texts.text(k.route),
                self.texts.text(st.epoch),
                st.calls,
                st.afterwards,
                st.during,
                st.judged,
                st.forwarded,
                st.windows
            );
            for x in &st.strata {
                let sc = &self.scopes[x.scope as usize];
                s += &format!(
                    "    r{} {:?} fit {:?} all(n{} h{} a{} m{} c{:.1} E{:.1}) free(n{} h{} m{} c{:.1} E{:.1}) after {:.1} any {:.1} carried {} total {:.2} most {:.2} fits {} miss {} chal(n{} E{:.1}) pairs {:?}\n",
                    x.route,
                    x.class,
                    sc.fit(x.route, st.hop),
                    x.windows().all.windows,
                    x.windows().all.hits,
                    x.windows().all.alone,
                    x.windows().all.marked,
                    x.windows().all.control,
                    x.windows().all.bet.log(),
                    x.windows().free.windows,
                    x.windows().free.hits,
                    x.windows().free.marked,
                    x.windows().free.control,
                    x.windows().free.bet.log(),
                    x.after.log(),
                    x.any.log(),
                    x.windows().all.carried,
                    x.total,
                    x.most,
                    x.windows().all.fits(x.most),
                    x.misses_calls(),
                    x.windows().challenge.windows,
                    x.windows().challenge.bet.log(),
                    x.pairs
                );
            }
            for x in &st.sections {
                s += &format!(
                    "    section {:?} blocking {} {:?}\n",
                    x.process,
                    self.sections.is_blocking(x.process, x.turn),
                    x.tallies.iter().map(|(c, t)| (*c, t.broken)).collect::<Vec<_>>()
                );
            }
        }
        s
    }
}
