(** T04: layers of vectors. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools.
Open Scope R_scope.

(** ** Any normed spaces *)

Lemma compose_derive : forall (V : nat -> NormedModule R_AbsRing)
    (f : forall k, V k -> V (S k)) (df : forall k, V k -> V k -> V (S k)) n (x : V O),
  (forall k y, filterdiff (f k) (locally y) (df k y)) ->
  filterdiff (compose V f n) (locally x) (push V f df n x).
Proof.
  intros V f df n x H; induction n as [|n IH]; simpl.
  - apply filterdiff_id.
  - apply (filterdiff_comp' (compose V f n) (f n) x); [exact IH|apply H].
Qed.

Lemma push_bound : forall (V U : nat -> NormedModule R_AbsRing)
    (f : forall k, V k -> V (S k))
    (A : forall k, V k -> U k) (D : forall k, V k -> U k -> V (S k)) (L omega : nat -> R),
  (forall k, 0 <= L k) -> (forall k, 0 <= omega k) ->
  (forall k v, norm (A k v) <= omega k * norm v) ->
  (forall k y u, norm (D k y u) <= L k * norm u) ->
  forall n x v,
  norm (push V f (fun k y u => D k y (A k u)) n x v)
    <= prod (fun k => L k * omega k) n * norm v.
Proof.
  intros V U f A D L omega HL Ho HA HD n x v; induction n as [|n IH]; simpl; [lra|].
  eapply Rle_trans; [apply HD|].
  apply Rle_trans with (L n * (omega n * (prod (fun k => L k * omega k) n * norm v))).
  - apply Rmult_le_compat_l; [apply HL|]. eapply Rle_trans; [apply HA|].
    apply Rmult_le_compat_l; [apply Ho|exact IH].
  - apply Req_le; ring.
Qed.

(** ** The Euclidean norm *)

Lemma dot_pos : forall d v, 0 <= dot d v v.
Proof. intros d v; apply sum_pos; intros k _; nra. Qed.

Lemma norm2_pos : forall d v, 0 <= norm2 d v.
Proof. intros; apply sqrt_pos. Qed.

Lemma norm2_sqr : forall d v, norm2 d v * norm2 d v = dot d v v.
Proof. intros d v; apply sqrt_sqrt, dot_pos. Qed.

Lemma abs_square : forall a, a * a = Rabs a * Rabs a.
Proof. intros a; unfold Rabs; destruct Rcase_abs; ring. Qed.

Lemma square_le : forall a b, 0 <= b -> a * a <= b * b -> a <= b.
Proof. intros a b Hb H. destruct (Rle_or_lt a b); [assumption|nra]. Qed.

Lemma norm2_le : forall m n u v c, 0 <= c -> dot m u u <= c * c * dot n v v ->
  norm2 m u <= c * norm2 n v.
Proof.
  intros m n u v c Hc H. apply square_le.
  - apply Rmult_le_pos; [assumption|apply norm2_pos].
  - rewrite norm2_sqr. replace (c * norm2 n v * (c * norm2 n v))
      with (c * c * (norm2 n v * norm2 n v)) by ring.
    rewrite norm2_sqr; assumption.
Qed.

Lemma norm2_ext : forall d u v, (forall i, (i < d)%nat -> u i = v i) -> norm2 d u = norm2 d v.
Proof.
  intros d u v H. unfold norm2, dot. f_equal. apply sum_ext; intros i Hi. rewrite H; auto.
Qed.

Lemma cauchy_schwarz_abs : forall d u v, Rabs (dot d u v) <= norm2 d u * norm2 d v.
Proof.
  intros d u v; induction d as [|d IH].
  - unfold dot; simpl. rewrite Rabs_R0. apply Rmult_le_pos; apply norm2_pos.
  - assert (Pu := norm2_pos d u). assert (Pv := norm2_pos d v).
    assert (Su : norm2 (S d) u * norm2 (S d) u = norm2 d u * norm2 d u + u d * u d)
      by (rewrite !norm2_sqr; reflexivity).
    assert (Sv : norm2 (S d) v * norm2 (S d) v = norm2 d v * norm2 d v + v d * v d)
      by (rewrite !norm2_sqr; reflexivity).
    assert (Qu := norm2_pos (S d) u). assert (Qv := norm2_pos (S d) v).
    change (dot (S d) u v) with (dot d u v + u d * v d).
    eapply Rle_trans; [apply Rabs_triang|]. rewrite (Rabs_mult (u d)).
    set (p := norm2 d u) in *. set (q := norm2 d v) in *.
    set (P := norm2 (S d) u) in *. set (Q := norm2 (S d) v) in *.
    assert (Au : u d * u d = Rabs (u d) * Rabs (u d)) by apply abs_square.
    assert (Av : v d * v d = Rabs (v d) * Rabs (v d)) by apply abs_square.
    assert (0 <= Rabs (u d)) by apply Rabs_pos. assert (0 <= Rabs (v d)) by apply Rabs_pos.
    set (a := Rabs (u d)) in *. set (b := Rabs (v d)) in *.
    apply Rle_trans with (p * q + a * b); [lra|].
    apply square_le; [nra|].
    replace (P * Q * (P * Q)) with ((P * P) * (Q * Q)) by ring.
    rewrite Su, Sv, Au, Av. 
    assert (X : 0 <= (p * b - q * a) * (p * b - q * a)) by apply Rle_0_sqr.
    clear - X. clearbody a b p q. lra.
Qed.

Lemma cauchy_schwarz : forall d u v, dot d u v <= norm2 d u * norm2 d v.
Proof.
  intros d u v. eapply Rle_trans; [apply Rle_abs|apply cauchy_schwarz_abs].
Qed.

(** An elementwise factor of size at most L. *)
Lemma diagonal_bound : forall d (s u : vector) L, 0 <= L -> (forall i, Rabs (s i) <= L) ->
  norm2 d (fun i => s i * u i) <= L * norm2 d u.
Proof.
  intros d s u L HL H. apply norm2_le; [assumption|].
  unfold dot. rewrite <- sum_scal. apply sum_le; intros i _.
  assert (s i * s i <= L * L).
  { specialize (H i). assert (A := Rabs_pos (s i)).
    rewrite (abs_square (s i)).
    nra. }
  assert (0 <= u i * u i) by nra. nra.
Qed.

Lemma network_bound : forall phi dphi d W b L omega n x v,
  0 <= L -> (forall z, Rabs (dphi z) <= L) ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d n) (jacobian_vector phi dphi d W b n x v)
    <= prod (fun k => L * omega k) n * norm2 (d O) v.
Proof.
  intros phi dphi d W b L omega n x v HL Hd Ho HW; induction n as [|n IH]; [simpl; lra|].
  cbn [jacobian_vector prod].
  eapply Rle_trans; [apply diagonal_bound with (L := L); [assumption|intros; apply Hd]|].
  apply Rle_trans with (L * (omega n * (prod (fun k => L * omega k) n * norm2 (d O) v))).
  - apply Rmult_le_compat_l; [assumption|]. eapply Rle_trans; [apply HW|].
    apply Rmult_le_compat_l; [apply Ho|exact IH].
  - apply Req_le; ring.
Qed.

(** ** The derivative of the network along any curve *)

Lemma sum_derive : forall n (f : nat -> R -> R) (df : nat -> R) t,
  (forall j, is_derive (f j) t (df j)) ->
  is_derive (fun s => sum (fun j => f j s) n) t (sum df n).
Proof.
  intros n f df t H; induction n as [|n IH]; simpl.
  - apply (is_derive_const 0).
  - apply (is_derive_plus (fun s => sum (fun j => f j s) n) (f n)); [exact IH|apply H].
Qed.

Lemma affine_derive : forall d W b k (c : R -> vector) dc t i,
  (forall j, is_derive (fun s => c s j) t (dc j)) ->
  is_derive (fun s => affine d W b k (c s) i) t (times (d k) (W k) dc i).
Proof.
  intros d W b k c dc t i H. unfold affine.
  replace (times (d k) (W k) dc i) with (plus (times (d k) (W k) dc i) 0)
    by (unfold plus; simpl; ring).
  apply (is_derive_plus (fun s => times (d k) (W k) (c s) i) (fun _ => b k i)).
  - unfold times.
    apply (sum_derive (d k) (fun j s => W k i j * c s j) (fun j => W k i j * dc j)).
    intros j. apply (is_derive_scal (fun s => c s j) t (W k i j)). apply H.
  - apply (is_derive_const (b k i)).
Qed.

Lemma network_derive : forall phi dphi d W b n (c : R -> vector) dc t,
  (forall z, is_derive phi z (dphi z)) ->
  (forall j, is_derive (fun s => c s j) t (dc j)) ->
  forall i, is_derive (fun s => network phi d W b n (c s) i) t
              (jacobian_vector phi dphi d W b n (c t) dc i).
Proof.
  intros phi dphi d W b n c dc t Hphi Hc; induction n as [|n IH]; intros i.
  - simpl. apply Hc.
  - cbn [network jacobian_vector].
    rewrite Rmult_comm.
    apply (is_derive_comp phi (fun s => affine d W b n (network phi d W b n (c s)) i)).
    + apply Hphi.
    + apply affine_derive with (c := fun s => network phi d W b n (c s)). exact IH.
Qed.

(** ** Lipschitz: also for activations with kinks *)

Lemma network_lipschitz : forall phi d W b L omega n x y,
  0 <= L -> lipschitz phi L ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d n) (fun i => network phi d W b n x i - network phi d W b n y i)
    <= prod (fun k => L * omega k) n * norm2 (d O) (fun i => x i - y i).
Proof.
  intros phi d W b L omega n x y HL Hp Ho HW; induction n as [|n IH]; [simpl; lra|].
  cbn [network prod].
  set (u := network phi d W b n x) in *. set (v := network phi d W b n y) in *.
  apply Rle_trans with (L * norm2 (d (S n)) (times (d n) (W n) (fun i => u i - v i))).
  - apply norm2_le; [assumption|]. unfold dot. rewrite <- sum_scal. apply sum_le; intros i _.
    assert (H := Hp (affine d W b n u i) (affine d W b n v i)).
    replace (affine d W b n u i - affine d W b n v i)
      with (times (d n) (W n) (fun i => u i - v i) i) in H.
    + set (e := times (d n) (W n) (fun i => u i - v i) i) in *.
      set (f := phi (affine d W b n u i) - phi (affine d W b n v i)) in *.
      rewrite (abs_square f).
      replace (L * L * (e * e)) with ((L * Rabs e) * (L * Rabs e)).
      * assert (0 <= Rabs f) by apply Rabs_pos. nra.
      * rewrite (abs_square e); ring.
    + unfold affine, times.
      replace (sum (fun j => W n i j * u j) (d n) + b n i
               - (sum (fun j => W n i j * v j) (d n) + b n i))
        with (sum (fun j => W n i j * u j) (d n) + -1 * sum (fun j => W n i j * v j) (d n)) by ring.
      rewrite <- sum_scal, <- sum_plus. apply sum_ext; intros; ring.
  - apply Rle_trans
      with (L * (omega n * (prod (fun k => L * omega k) n * norm2 (d O) (fun i => x i - y i)))).
    + apply Rmult_le_compat_l; [assumption|]. eapply Rle_trans; [apply HW|].
      apply Rmult_le_compat_l; [apply Ho|exact IH].
    + apply Req_le; ring.
Qed.

(** ** The Frobenius norm serves as omega *)

Lemma frobenius_bound : forall m n M, operator_bound m n M (frobenius m n M).
Proof.
  intros m n M v. apply norm2_le; [apply sqrt_pos|].
  unfold frobenius. rewrite sqrt_sqrt
    by (apply sum_pos; intros; apply sum_pos; intros; nra).
  rewrite <- sum_scal_r. unfold dot at 1. apply sum_le; intros i _.
  assert (C := cauchy_schwarz_abs n (M i) v).
  change (times n M v i) with (dot n (M i) v).
  change (sum (fun j => M i j * M i j) n) with (dot n (M i) (M i)).
  rewrite <- !norm2_sqr. assert (P := norm2_pos n (M i)). assert (Q := norm2_pos n v).
  set (e := dot n (M i) v) in *.
  rewrite (abs_square e).
  assert (0 <= Rabs e) by apply Rabs_pos. nra.
Qed.

(** ** Duality *)

Lemma dot_comm : forall d u v, dot d u v = dot d v u.
Proof. intros; apply sum_ext; intros; ring. Qed.

Lemma duality : forall m n M g v, dot m g (times n M v) = dot n (times m (transpose M) g) v.
Proof.
  intros m n M g v. unfold dot, times, transpose.
  transitivity (sum (fun i => sum (fun j => g i * (M i j * v j)) n) m).
  - apply sum_ext; intros; rewrite <- sum_scal; reflexivity.
  - rewrite sum_swap. apply sum_ext; intros j _. rewrite <- sum_scal_r.
    apply sum_ext; intros; ring.
Qed.

Lemma transpose_bound : forall m n M omega, 0 <= omega ->
  operator_bound m n M omega -> operator_bound n m (transpose M) omega.
Proof.
  intros m n M omega Ho H g. set (v := times m (transpose M) g).
  assert (E : norm2 n v * norm2 n v <= norm2 m g * (omega * norm2 n v)).
  { rewrite norm2_sqr. unfold v at 1. rewrite <- duality.
    eapply Rle_trans; [apply cauchy_schwarz|].
    apply Rmult_le_compat_l; [apply norm2_pos|apply H]. }
  assert (P := norm2_pos n v). assert (Q := norm2_pos m g).
  destruct P as [P|P]; [|rewrite <- P; apply Rmult_le_pos; assumption].
  apply Rmult_le_reg_r with (norm2 n v); [assumption|]. lra.
Qed.

Lemma backward_dual : forall phi dphi d W b n x g v,
  dot (d n) g (jacobian_vector phi dphi d W b n x v)
    = dot (d O) (backward phi dphi d W b n x g) v.
Proof.
  intros phi dphi d W b n x; induction n as [|n IH]; intros g v; [reflexivity|].
  cbn [jacobian_vector backward]. rewrite <- IH, <- duality.
  apply sum_ext; intros; ring.
Qed.

Lemma backward_bound : forall phi dphi d W b L omega n x g,
  0 <= L -> (forall z, Rabs (dphi z) <= L) ->
  (forall k, 0 <= omega k) -> (forall k, operator_bound (d (S k)) (d k) (W k) (omega k)) ->
  norm2 (d O) (backward phi dphi d W b n x g)
    <= prod (fun k => L * omega k) n * norm2 (d n) g.
Proof.
  intros phi dphi d W b L omega n x g HL Hd Ho HW; revert g.
  induction n as [|n IH]; intros g; [simpl; lra|].
  cbn [backward prod]. eapply Rle_trans; [apply IH|].
  assert (P : 0 <= prod (fun k => L * omega k) n).
  { assert (H := prod_le (fun _ => 0) (fun k => L * omega k) n). 
    destruct H; [|lra]. intros k _; split; [lra|apply Rmult_le_pos; auto]. }
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [exact P|].
  eapply Rle_trans; [apply (transpose_bound _ _ _ _ (Ho n) (HW n))|].
  rewrite (Rmult_comm L), Rmult_assoc. apply Rmult_le_compat_l; [apply Ho|].
  apply diagonal_bound; [assumption|intros; apply Hd].
Qed.
