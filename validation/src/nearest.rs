//! What somebody who typed a wrong name may have meant.

/// The candidate that is most like the name, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Long names are not typed by hand, and comparing them is quadratic.
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        return None;
    }
    let folded = name.to_lowercase().replace('-', "_");
    candidates
        .into_iter()
        .filter(|candidate| *candidate != name && candidate.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::osa_distance(&folded, &candidate.to_lowercase().replace('-', "_"));
            (distance, candidate)
        })
        // A third of the letters may be wrong.
        .filter(|(distance, candidate)| distance * 3 <= name.chars().count().max(candidate.chars().count()))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A hint that names the candidate.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|nearest| format!("did you mean `{}`?", crate::thing::shown(nearest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_fingers_is_understood() {
        let names = ["patient", "patient_merge", "sample", "id"];
        assert_eq!(nearest("patent", names), Some("patient"));
        assert_eq!(nearest("Patient-Merge", names), Some("patient_merge"));
        assert_eq!(nearest("invoice", names), None);
        assert_eq!(nearest("xy", names), None);
    }
}
